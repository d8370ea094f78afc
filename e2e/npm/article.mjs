// The article's two scripts with the official client: ask a chat deployment, or
// list the models. Endpoint and key come from the environment, and nothing else
// says where the model is. Prints the answer, or the error as JSON.
import { AzureOpenAI } from "openai";

const client = new AzureOpenAI({
  endpoint: process.env.OPENAI_API_BASE,
  apiKey: process.env.OPENAI_API_KEY,
  apiVersion: "2024-10-21",
  maxRetries: 0,
});

try {
  if (process.argv[2] === "models") {
    console.log((await client.models.list()).data.map((m) => m.id).join("\n"));
  } else {
    const answer = await client.chat.completions.create({
      model: "gpt-4-0314",
      messages: [{ role: "system", content: "You are an AI assistant that helps people find information." }, { role: "user", content: "Hello world!" }],
      temperature: 0.7,
    });
    console.log(answer.choices[0].message.content);
  }
} catch (error) {
  const causes = [];
  for (let e = error; e; e = e.cause) causes.push(`${e.code ?? ""} ${e.message}`.trim());
  console.log(JSON.stringify({ name: error.constructor.name, status: error.status, causes }));
  process.exitCode = 1;
}
