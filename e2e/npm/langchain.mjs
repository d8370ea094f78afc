// LangChain's classes for Azure OpenAI: AzureChatOpenAI, its streams, bound
// tools and JSON mode, and AzureOpenAIEmbeddings; and ChatOpenAI on v1.
import { HumanMessage, SystemMessage } from "@langchain/core/messages";
import { AzureChatOpenAI, AzureOpenAIEmbeddings, ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { all, base, chat, embedding, key, question, run, token, weather } from "./calls.mjs";

const messages = [new SystemMessage("Answer briefly."), new HumanMessage(question)];
const common = { azureOpenAIEndpoint: base, azureOpenAIApiVersion: "2024-10-21", maxRetries: 0 };
const byKey = { ...common, azureOpenAIApiKey: key };
const byToken = { ...common, azureADTokenProvider: async () => token };
const v1 = { apiKey: key, maxRetries: 0, configuration: { baseURL: `${base}/openai/v1` } };
const azure = (credential, deployment = chat, more = {}) =>
  new AzureChatOpenAI({ ...credential, model: chat, azureOpenAIApiDeploymentName: deployment, ...more });
const azureEmbeddings = (credential, more = {}) =>
  new AzureOpenAIEmbeddings({ ...credential, azureOpenAIBasePath: `${base}/openai/deployments`, azureOpenAIApiEmbeddingsDeploymentName: embedding, ...more });

// plain is a message without what only this process knows.
const plain = (message) => JSON.parse(JSON.stringify(message));
const ask = async (model, options) => plain(await model.invoke(messages, options));
const stream = async (model, options) => (await all(model.stream(messages, options))).map(plain);

const calls = {};
for (const [how, model] of Object.entries({
  "azure, key": (more) => azure(byKey, chat, more),
  "azure, token": (more) => azure(byToken, chat, more),
  v1: (more) => new ChatOpenAI({ ...v1, model: chat, ...more }),
})) {
  Object.assign(calls, {
    [`${how}: invoke`]: () => ask(model()),
    [`${how}: stream`]: () => stream(model()),
    [`${how}: stream without usage`]: () => stream(model({ streamUsage: false })),
    [`${how}: streaming by itself`]: () => ask(model({ streaming: true })),
    [`${how}: batch`]: async () => (await model().batch([messages], { maxConcurrency: 1 })).map(plain),
    [`${how}: tools`]: () => ask(model().bindTools([{ type: "function", function: weather }])),
    [`${how}: tools, streamed`]: () => stream(model().bindTools([{ type: "function", function: weather }])),
    [`${how}: JSON mode`]: () => model().withStructuredOutput({ type: "object", properties: {} }, { method: "jsonMode" })
      .invoke([new HumanMessage(`${question} As JSON.`)]),
    [`${how}: a schema`]: () => model().withStructuredOutput({ title: "answer", type: "object", properties: {} }, { method: "jsonSchema" }).invoke(messages),
    [`${how}: cut short`]: () => ask(model({ maxTokens: 5 })),
    [`${how}: stop`]: () => ask(model(), { stop: ["."] }),
    [`${how}: responses`]: () => ask(model({ useResponsesApi: true })),
  });
}
Object.assign(calls, {
  "azure: embed a query": () => azureEmbeddings(byKey).embedQuery(question),
  "azure: embed documents": () => azureEmbeddings(byToken, { dimensions: 16 }).embedDocuments([question, "Razor"]),
  "v1: embed a query": () => new OpenAIEmbeddings({ ...v1, model: embedding }).embedQuery(question),
  "azure: an unknown deployment": () => ask(azure(byKey, "ghost")),
  "azure: a deployment that no backend has": () => ask(azure(byKey, "no-such-deployment")),
  "azure: a bad key": () => ask(azure({ ...common, azureOpenAIApiKey: "0123456789abcdef" })),
  "azure: filtered": () => ask(azure(byKey, "filtered")),
  "azure: throttled": () => ask(azure(byKey, "throttled")),
});
await run(calls);
