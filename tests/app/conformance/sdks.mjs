// Answers through the official Node SDKs: node sdks.mjs MODULES CLIENT URL MODEL PROMPTS MODE. PROMPTS: a JSON list. Prints as JSON a list of
// {text, calls, usage}, or {error, status} where the SDK throws.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, client, url, model, prompts, mode] = process.argv.slice(2);
const stream = mode === "stream";
const schema = { type: "object", properties: { place: { type: "string" } }, required: ["place"] };

const load = async (name) => {
  const folder = join(modules, name);
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const pick = (found) => (typeof found === "string" ? found : pick(found.node ?? found.import ?? found.default ?? Object.values(found)[0]));
  const entry = about.exports?.["."] ? pick(about.exports["."]) : (about.module ?? about.main);
  return import(pathToFileURL(join(folder, entry)).href);
};

const clients = {
  async anthropic(prompt) {
    const { default: Anthropic } = await load("@anthropic-ai/sdk");
    const sdk = new Anthropic({ baseURL: url, apiKey: "sk-conformance", maxRetries: 0 });
    const given = { model, max_tokens: 900, messages: [{ role: "user", content: prompt }], tools: [{ name: "look", input_schema: schema }] };
    const message = stream ? await sdk.messages.stream(given).finalMessage() : await sdk.messages.create(given);
    const text = message.content.filter((block) => block.type === "text").map((block) => block.text);
    const calls = message.content.filter((block) => block.type === "tool_use").map((block) => [block.name, block.input]);
    const { input_tokens: input, cache_read_input_tokens: read, cache_creation_input_tokens: made, output_tokens: output } = message.usage;
    return { text: text.join(""), calls, usage: [input + (read ?? 0) + (made ?? 0), output] };
  },
  async openai_chat(prompt) {
    const { default: OpenAI } = await load("openai");
    const sdk = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-conformance", maxRetries: 0 });
    const tools = [{ type: "function", function: { name: "look", parameters: schema } }];
    const given = { model, messages: [{ role: "user", content: prompt }], tools };
    const found = stream
      ? await sdk.chat.completions.stream({ ...given, stream_options: { include_usage: true } }).finalChatCompletion()
      : await sdk.chat.completions.create(given);
    const message = found.choices[0].message;
    const calls = (message.tool_calls ?? []).map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
    return { text: message.content ?? "", calls, usage: [found.usage.prompt_tokens, found.usage.completion_tokens] };
  },
  async openai_responses(prompt) {
    const { default: OpenAI } = await load("openai");
    const sdk = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-conformance", maxRetries: 0 });
    const tools = [{ type: "function", name: "look", parameters: schema, strict: false }];
    const given = { model, input: prompt, store: false, tools };
    const found = stream ? await sdk.responses.stream(given).finalResponse() : await sdk.responses.create(given);
    if (found.status === "failed") throw new Error(found.error.message);
    const calls = found.output.filter((item) => item.type === "function_call").map((item) => [item.name, JSON.parse(item.arguments)]);
    const parts = found.output.filter((item) => item.type === "message").flatMap((item) => item.content);
    return { text: parts.map((part) => part.text).join(""), calls, usage: [found.usage.input_tokens, found.usage.output_tokens] };
  },
  async gemini(prompt) {
    const { GoogleGenAI } = await load("@google/genai");
    const sdk = new GoogleGenAI({ apiKey: "sk-conformance", httpOptions: { baseUrl: url } });
    const config = { tools: [{ functionDeclarations: [{ name: "look", parametersJsonSchema: schema }] }] };
    const given = { model, contents: prompt, config };
    const chunks = [];
    if (stream) for await (const chunk of await sdk.models.generateContentStream(given)) chunks.push(chunk);
    else chunks.push(await sdk.models.generateContent(given));
    const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
    const calls = parts.filter((part) => part.functionCall).map((part) => [part.functionCall.name, part.functionCall.args]);
    const usage = chunks.at(-1).usageMetadata;
    const output = (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0);
    return { text: parts.map((part) => (part.thought ? "" : (part.text ?? ""))).join(""), calls, usage: [usage.promptTokenCount, output] };
  },
};

const told = [];
for (const prompt of JSON.parse(prompts)) {
  try {
    told.push(await clients[client](prompt));
  } catch (error) {
    told.push({ error: String(error.message), status: error.status ?? 0 });
  }
}
console.log(JSON.stringify(told));
