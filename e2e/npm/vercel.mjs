// Vercel's AI SDK with its provider for Azure: text, streams, tools, objects
// and embeddings, with paths of deployments and with v1.
import { createAzure } from "@ai-sdk/azure";
import { embed, embedMany, generateImage, generateText, jsonSchema, Output, streamText, tool } from "ai";
import { all, base, chat, embedding, instruct, key, painter, question, run, throttled, token, weather } from "./calls.mjs";

const classic = { baseURL: `${base}/openai`, useDeploymentBasedUrls: true, apiVersion: "2024-10-21" };
const v1 = { baseURL: `${base}/openai/v1` };
const tools = { weather: tool({ description: weather.description, inputSchema: jsonSchema(weather.parameters) }) };
const prompt = { system: "Answer briefly.", prompt: question, maxRetries: 0 };

// told is what the SDK made of an answer, without times and the request.
const told = ({ text, content, finishReason, rawFinishReason, usage, warnings, toolCalls, providerMetadata, response }) =>
  ({ text, content, finishReason, rawFinishReason, usage, warnings, toolCalls, providerMetadata, id: response.id, model: response.modelId, body: response.body });
const text = async (model, more) => told(await generateText({ model, ...prompt, ...more }));
const stream = (model, more) => all(streamText({ model, ...prompt, onError() {}, ...more }).fullStream)
  .then((parts) => parts.map(part));
const part = (p) => {
  if (p.type === "error") throw p.error;
  const { id, type, text, finishReason, usage, totalUsage, providerMetadata, response } = p;
  return { id: type === "start-step" ? undefined : id, type, text, finishReason, usage, totalUsage, providerMetadata, response: response && { id: response.id, model: response.modelId } };
};

const calls = {};
for (const [how, azure] of Object.entries({
  "classic, key": createAzure({ ...classic, apiKey: key }),
  "classic, token": createAzure({ ...classic, tokenProvider: async () => token }),
  "v1, key": createAzure({ ...v1, apiKey: key }),
  "v1, token": createAzure({ ...v1, tokenProvider: async () => token }),
})) {
  Object.assign(calls, {
    [`${how}: text`]: () => text(azure.chat(chat)),
    [`${how}: stream`]: () => stream(azure.chat(chat)),
    [`${how}: tools`]: () => text(azure.chat(chat), { tools }),
    [`${how}: tools, streamed`]: () => stream(azure.chat(chat), { tools }),
    [`${how}: JSON mode`]: () => text(azure.chat(chat), { prompt: `${question} As JSON.`, output: Output.json() }),
    [`${how}: a schema`]: () => text(azure.chat(chat), { output: Output.object({ schema: jsonSchema(weather.parameters) }) }),
    [`${how}: cut short`]: () => text(azure.chat(chat), { maxOutputTokens: 5 }),
    [`${how}: embed`]: async () => { const { embedding: vector, usage } = await embed({ model: azure.embedding(embedding), value: question, maxRetries: 0 }); return { vector, usage }; },
    [`${how}: embed many`]: async () => { const { embeddings, usage } = await embedMany({ model: azure.embedding(embedding), values: [question, "Razor"], maxRetries: 0 }); return { embeddings, usage }; },
    [`${how}: responses`]: () => text(azure.responses(chat)),
    [`${how}: responses, streamed`]: () => stream(azure.responses(chat)),
    [`${how}: completion`]: () => text(azure.completion(instruct)),
    [`${how}: an image`]: () => generateImage({ model: azure.image(painter), prompt: question, maxRetries: 0 }).then(({ images, warnings }) => ({ images: images.map((i) => i.base64), warnings })),
    [`${how}: an unknown deployment`]: () => text(azure.chat("ghost")),
    [`${how}: a deployment that no backend has`]: () => text(azure.chat("no-such-deployment")),
    [`${how}: filtered`]: () => text(azure.chat("filtered")),
    [`${how}: throttled`]: () => text(azure.chat(throttled(how))),
  });
}
calls["classic: a bad key"] = () => text(createAzure({ ...classic, apiKey: "0123456789abcdef" }).chat(chat));
calls["v1: a bad token"] = () => text(createAzure({ ...v1, tokenProvider: async () => "not.a.token" }).chat(chat));
await run(calls);
