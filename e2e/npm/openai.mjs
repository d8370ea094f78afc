// OpenAI's own client: every operation that the emulator has, most that it has
// not, and the ways to be refused.
import OpenAI, { AzureOpenAI, toFile } from "openai";
import { all, base, chat, embedding, instruct, key, listener, messages, painter, question, run, speaker, stranger, throttled, token, weather } from "./calls.mjs";

const once = { maxRetries: 0 };
const v1 = (apiKey, more = {}) => new OpenAI({ baseURL: `${base}/openai/v1`, apiKey, ...once, ...more });
const azure = (more) => new AzureOpenAI({ endpoint: base, apiVersion: "2024-10-21", ...once, ...more });
const bearer = (value) => ({ azureADTokenProvider: async () => value });

const ask = (client, more = {}) => client.chat.completions.create({ model: chat, messages, ...more });
const stream = (client, more = {}) => all(ask(client, { stream: true, ...more }));
const embed = (client, more = {}) => client.embeddings.create({ model: embedding, input: question, ...more });

const calls = {};
for (const [how, client] of Object.entries({
  "classic, key": azure({ apiKey: key }),
  "classic, token": azure(bearer(token)),
  "v1, key": v1(key),
  "v1, token": v1(token),
  "v1, key in api-key": v1("none", { defaultHeaders: { "api-key": key, authorization: null } }),
})) {
  Object.assign(calls, {
    [`${how}: chat`]: () => ask(client),
    [`${how}: stream`]: () => stream(client),
    [`${how}: stream with usage`]: () => stream(client, { stream_options: { include_usage: true } }),
    [`${how}: stream without usage`]: () => stream(client, { stream_options: { include_usage: false } }),
    [`${how}: stream without padding`]: () => stream(client, { stream_options: { include_obfuscation: false } }),
    [`${how}: three choices`]: () => ask(client, { n: 3 }),
    [`${how}: three choices, streamed`]: () => stream(client, { n: 3, stream_options: { include_usage: true } }),
    [`${how}: cut short`]: () => ask(client, { max_tokens: 5 }),
    [`${how}: cut short, streamed`]: () => stream(client, { max_completion_tokens: 5 }),
    [`${how}: stop`]: () => ask(client, { stop: ["Ockham", "."] }),
    [`${how}: tools`]: () => ask(client, { tools: [{ type: "function", function: weather }] }),
    [`${how}: tools, streamed`]: () => stream(client, { tools: [{ type: "function", function: weather }], tool_choice: "auto" }),
    [`${how}: after a tool call`]: () => ask(client, { messages: [...messages,
      { role: "assistant", tool_calls: [{ id: "call_1", type: "function", function: { name: "weather", arguments: "{}" } }] },
      { role: "tool", tool_call_id: "call_1", content: "rain" }] }),
    [`${how}: JSON mode`]: () => ask(client, { messages: [{ role: "user", content: `${question} As JSON.` }], response_format: { type: "json_object" } }),
    [`${how}: JSON mode, streamed`]: () => stream(client, { messages: [{ role: "user", content: `${question} As JSON.` }], response_format: { type: "json_object" } }),
    [`${how}: parts`]: () => ask(client, { messages: [{ role: "user", content: [{ type: "text", text: question }, { type: "text", text: "And why?" }] }] }),
    [`${how}: a long prompt`]: () => ask(client, { messages: [{ role: "user", content: `${question} `.repeat(8000) }] }),
    [`${how}: raw answer`]: async () => {
      const { data, response } = await client.chat.completions.create({ model: chat, messages }).withResponse();
      return { data, type: response.headers.get("content-type"), deployment: response.headers.get("x-ms-deployment-name"), left: response.headers.get("x-ratelimit-remaining-tokens") };
    },
    [`${how}: embeddings`]: () => embed(client),
    [`${how}: embeddings as numbers`]: () => embed(client, { encoding_format: "float", dimensions: 8 }),
    [`${how}: many embeddings`]: () => embed(client, { input: Array.from({ length: 20 }, (_, i) => `${question} ${i}`) }),
    [`${how}: embeddings of tokens`]: () => embed(client, { input: [[1, 2, 3], [4]] }),
    [`${how}: models`]: () => all(client.models.list()),
    [`${how}: one model`]: () => client.models.retrieve("gpt-4o-mini-2024-07-18"),
    [`${how}: no such model`]: () => client.models.retrieve("gpt-0"),

    // Beyond chat.
    [`${how}: responses`]: () => client.responses.create({ model: chat, input: question }),
    [`${how}: responses, streamed`]: () => all(client.responses.create({ model: chat, input: question, stream: true })),
    [`${how}: responses, cut short`]: () => client.responses.create({ model: chat, input: [{ role: "user", content: question }], instructions: "Be brief.", max_output_tokens: 16 }),
    [`${how}: responses, a bad role`]: () => client.responses.create({ model: chat, input: [{ role: "nobody", content: "x" }] }),
    [`${how}: responses, filtered`]: () => client.responses.create({ model: chat, input: "ostiary-test-filter-violence" }),
    [`${how}: an answer that is filtered`]: () => ask(client, { messages: [{ role: "user", content: `${question} ostiary-test-filter-answer` }] }),
    [`${how}: an answer that is filtered, streamed`]: () => stream(client, { messages: [{ role: "user", content: `${question} ostiary-test-filter-answer` }] }),
    [`${how}: a prompt that is filtered`]: () => ask(client, { messages: [{ role: "user", content: "ostiary-test-filter-self-harm" }] }),
    [`${how}: completions`]: () => client.completions.create({ model: instruct, prompt: question }),
    [`${how}: completions, streamed`]: () => all(client.completions.create({ model: instruct, prompt: question, stream: true })),
    [`${how}: completions of a chat model`]: () => client.completions.create({ model: chat, prompt: question }),
    [`${how}: an image`]: () => client.images.generate({ model: painter, prompt: question, response_format: "b64_json" }),
    [`${how}: an image's URL`]: () => client.images.generate({ model: painter, prompt: question }),
    [`${how}: an image of a chat model`]: () => client.images.generate({ model: chat, prompt: question }),
    [`${how}: speech`]: async () => {
      const sound = await client.audio.speech.create({ model: speaker, input: question, voice: "alloy", response_format: "wav" });
      return { type: sound.headers.get("content-type"), sound: Buffer.from(await sound.arrayBuffer()).toString("base64") };
    },

    [`${how}: a stored response`]: async () => {
      const made = await client.responses.create({ model: chat, input: question });
      const again = await client.responses.retrieve(made.id);
      await client.responses.delete(made.id);
      const gone = await client.responses.retrieve(made.id).catch((e) => e.status);
      return { again, same: JSON.stringify(again) === JSON.stringify(made), gone };
    },
    [`${how}: no such response`]: () => client.responses.retrieve("resp_none"),
    [`${how}: no such file`]: () => client.files.retrieve("file-none"),

    // Refusals by the model's service, and by what stands before it.
    [`${how}: an unknown deployment`]: () => ask(client, { model: "ghost" }),
    [`${how}: a deployment that no backend has`]: () => ask(client, { model: "no-such-deployment" }),
    [`${how}: a deployment for something else`]: () => ask(client, { model: embedding }),
    [`${how}: embeddings of a chat model`]: () => embed(client, { model: chat }),
    [`${how}: no messages`]: () => ask(client, { messages: [] }),
    [`${how}: a bad role`]: () => ask(client, { messages: [{ role: "nobody", content: "x" }] }),
    [`${how}: too hot`]: () => ask(client, { temperature: 3 }),
    [`${how}: a forced tool`]: () => ask(client, { tools: [{ type: "function", function: weather }], tool_choice: "required" }),
    [`${how}: a schema`]: () => ask(client, { response_format: { type: "json_schema", json_schema: { name: "x", schema: weather.parameters } } }),
    [`${how}: JSON mode without the word`]: () => ask(client, { response_format: { type: "json_object" } }),
    [`${how}: usage of no stream`]: () => ask(client, { stream_options: { include_usage: true } }),
    [`${how}: a bad embedding`]: () => embed(client, { input: [] }),
    [`${how}: filtered`]: () => ask(client, { model: "filtered" }),
    [`${how}: filtered, streamed`]: () => stream(client, { model: "filtered" }),
    [`${how}: throttled`]: () => ask(client, { model: throttled(how) }),
  });
}
// A form's deployment stands in the classic path; on v1 the gateway has no such
// operation (docs/gateway.md).
for (const response_format of ["json", "text"]) {
  calls[`classic, key: transcription as ${response_format}`] = async () => azure({ apiKey: key }).audio.transcriptions.create({
    model: listener, response_format, file: await toFile(Buffer.from("RIFF....WAVE"), "sound.wav", { type: "audio/wav" }),
  });
}
Object.assign(calls, {
  "classic, a version without stream_options": () => stream(azure({ apiKey: key, apiVersion: "2024-02-01" }), { stream_options: { include_usage: true } }),
  "classic, an old version": () => stream(azure({ apiKey: key, apiVersion: "2023-05-15" })),
  "classic, no date": () => ask(azure({ apiKey: key, apiVersion: "yesterday" })),
  "v1, a date": () => ask(v1(key, { defaultQuery: { "api-version": "2024-10-21" } })),
  "v1, preview": () => ask(v1(key, { defaultQuery: { "api-version": "preview" } })),
  "v1, no such path": () => v1(key).files.list(),
  "throttled, and asked again": () => v1(key, { maxRetries: 1 }).chat.completions.create({ model: throttled("twice"), messages }),
  "classic, a bad key": () => ask(azure({ apiKey: "0123456789abcdef0123456789abcdef" })),
  "classic, a bad token": () => ask(azure(bearer("not.a.token"))),
  "classic, a stranger": () => ask(azure(bearer(stranger))),
  "classic, nothing": () => ask(azure({ apiKey: "none", defaultHeaders: { "api-key": null } })),
  "v1, a bad key": () => ask(v1("0123456789abcdef0123456789abcdef")),
  "v1, a bad key in api-key": () => ask(v1("none", { defaultHeaders: { "api-key": "0123456789abcdef", authorization: null } })),
  "v1, a stranger": () => ask(v1(stranger)),
  "v1, a stranger lists models": () => all(v1(stranger).models.list()),
  "v1, nothing": () => ask(v1("none", { defaultHeaders: { authorization: null } })),
});
await run(calls);
