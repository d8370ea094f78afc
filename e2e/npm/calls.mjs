// What the programs of the differential test share: where to ask, with what,
// and one JSON object of results at the end. Calls go one after the other, so
// that two runs can be compared call by call.
export const base = process.env.OSTIARY_BASE_URL;
export const key = process.env.OSTIARY_KEY;
export const token = process.env.OSTIARY_TOKEN; // of a principal that may call
export const stranger = process.env.OSTIARY_STRANGER; // of one that may not

export const chat = "gpt-4o-mini";
export const embedding = "text-embedding-3-small";
export const instruct = "gpt-35-turbo-instruct";
export const painter = "dall-e-3";
export const speaker = "tts";
export const listener = "gpt-4o-transcribe";
export const question = "What is Ockham's Razor? Ωμέγα, 東京, 🙂";
export const messages = [
  { role: "system", content: "Answer briefly." },
  { role: "user", content: question },
];
// throttled is a deployment whose quota is used up, one for each way to sign
// in: a gateway remembers for a while that a deployment has none.
export const throttled = (how) => `throttled-${how.replaceAll(/[ ,]+/g, "-")}`;
export const weather = {
  name: "weather",
  description: "The weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

// Some clients fetch a tokenizer from the internet to count tokens. Here only
// the server under test is asked; they then estimate. An AbortError is what
// they do not try again.
const fetched = globalThis.fetch;
globalThis.fetch = async (input, options) => {
  if (new URL(input.url ?? input).origin === base) return fetched(input, options);
  throw new DOMException("only the server under test may be asked", "AbortError");
};

// run makes every call of {name: function}. An error is a result too.
export async function run(calls) {
  const results = {};
  for (const [name, call] of Object.entries(calls)) {
    try {
      results[name] = { value: await call() };
    } catch (error) {
      results[name] = { error: told(error) };
    }
  }
  process.stdout.write(JSON.stringify(results));
}

// told is what a program can learn from an error: all its plain members, but
// for the address and what names the one call.
function told(error) {
  const { name, message, status, statusCode, code, type, param, error: body, responseBody, isRetryable, lc_error_code } = error;
  return { class: error.constructor.name, name, message, status, statusCode, code, type, param, body, responseBody, isRetryable, lc_error_code };
}

// all collects what an async iterator gives.
export async function all(iterator) {
  const items = [];
  for await (const item of await iterator) items.push(item);
  return items;
}
