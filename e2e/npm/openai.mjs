// OpenAI's own client: every operation that the emulator has, most that it has
// not, and the ways to be refused.
import OpenAI, { AzureOpenAI } from "openai";
import { all, base, chat, embedding, key, messages, question, run, stranger, throttled, token, weather } from "./calls.mjs";

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

    // What the emulator leaves out, as Azure's 404.
    [`${how}: responses`]: () => client.responses.create({ model: chat, input: question }),
    [`${how}: responses, streamed`]: () => all(client.responses.create({ model: chat, input: question, stream: true })),
    [`${how}: completions`]: () => client.completions.create({ model: chat, prompt: question }),
    [`${how}: an image`]: () => client.images.generate({ model: chat, prompt: question }),
    [`${how}: speech`]: () => client.audio.speech.create({ model: chat, input: question, voice: "alloy" }),

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
