// OpenAI's own client holds a realtime session, in text, and prints the events
// that came. Node 20 has its WebSocket behind a flag.
import { AzureOpenAI } from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";

const client = new AzureOpenAI({
  endpoint: process.env.OSTIARY_BASE_URL, apiKey: process.env.OSTIARY_KEY, apiVersion: "2025-04-01-preview",
});
const socket = await OpenAIRealtimeWebSocket.azure(client, { deploymentName: "talk", dangerouslyAllowBrowser: true });
const events = [];
const timer = setTimeout(() => { console.error("no answer", JSON.stringify(events)); process.exit(1); }, 60_000);
socket.on("error", (error) => { console.error(error); process.exit(1); });
socket.on("event", (event) => {
  events.push(`${event.type} ${event.delta ?? ""}${event.text ?? ""}`);
  if (event.type !== "response.done") return;
  clearTimeout(timer);
  console.log(JSON.stringify({ events, tokens: event.response.usage.total_tokens, status: event.response.status }));
  socket.close();
});
socket.socket.addEventListener("open", () => {
  socket.send({ type: "session.update", session: { instructions: "Be brief." } });
  socket.send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text: process.env.OSTIARY_QUESTION }] } });
  socket.send({ type: "response.create" });
});
