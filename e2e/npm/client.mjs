// Asks through the portal with the official client, as an application would:
// only the base URL and the trusted CA (NODE_EXTRA_CA_CERTS) are ours. The key
// is a dummy, which must never reach the model. Prints one JSON object.
import OpenAI, { AzureOpenAI } from "openai";

const base = process.env.OSTIARY_BASE_URL;
const question = process.env.OSTIARY_QUESTION;
const messages = [{ role: "user", content: question }];
const model = "gpt-4o-mini";

const azure = new AzureOpenAI({ endpoint: base, apiKey: "dummy", apiVersion: "2024-10-21", deployment: model, maxRetries: 0 });
const v1 = new OpenAI({ baseURL: `${base}/openai/v1`, apiKey: "dummy", maxRetries: 0 });

async function whole(client) {
  const answer = await client.chat.completions.create({ model, messages });
  return { text: answer.choices[0].message.content, tokens: answer.usage.total_tokens };
}

async function streamed(client) {
  const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } });
  let text = "", chunks = 0, tokens = 0;
  for await (const chunk of stream) {
    const delta = chunk.choices[0]?.delta?.content;
    if (delta) { text += delta; chunks++; }
    if (chunk.usage) tokens = chunk.usage.total_tokens;
  }
  return { text, chunks, tokens };
}

async function refusal(call) {
  try {
    await call();
    return { status: 200 };
  } catch (error) {
    return { status: error.status, code: error.code, message: error.message };
  }
}

const result = {
  azure: { whole: await whole(azure), streamed: await streamed(azure) },
  v1: { whole: await whole(v1), streamed: await streamed(v1) },
  embedding: (await v1.embeddings.create({ model: "text-embedding-3-small", input: question })).data[0].embedding.length,
  models: (await v1.models.list()).data.map((m) => m.id),
  unknown: await refusal(() => v1.chat.completions.create({ model: "no-such-deployment", messages })),
};
console.log(JSON.stringify(result));
