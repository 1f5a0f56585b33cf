// aimock plays the provider: what a person sees of answers, tools, hand-offs and of a provider that fails.
import assert from "node:assert/strict";
import { LLMock } from "@copilotkit/aimock";

const { CHANCERY_URL: url, CHANCERY_EMAIL: email, CHANCERY_PASSWORD: password, PROVIDER_PORT: port } = process.env;

// Words enough to be cut anywhere; a chunk of aimock is 20 characters by default.
const LONG = Array.from({ length: 60 }, (_, index) => `word${index}`).join(" ");
const USAGE = { input_tokens: 11, output_tokens: 7, prompt_tokens: 11, completion_tokens: 7 };

const provider = new LLMock({ port: Number(port), strict: true });
const offers = (name) => (request) => request.tools?.some((tool) => tool.function.name === name) ?? false;
const lastToolResult = (request) => request.messages.findLast((message) => message.role === "tool").content;

provider.on({ userMessage: "tell me something" }, { content: LONG, usage: USAGE });
provider.on(
  { userMessage: "which hour is it", hasToolResult: false, predicate: offers("get_current_time") },
  { toolCalls: [{ name: "get_current_time", arguments: {} }] },
);
provider.on({ userMessage: "which hour is it", hasToolResult: true }, (request) => ({
  content: `The tool says ${lastToolResult(request)}.`,
}));
provider.on(
  { userMessage: "mend my parser", predicate: offers("transfer_to_code_assistant") },
  { toolCalls: [{ name: "transfer_to_code_assistant", arguments: {} }] },
);
// Only the specialist, who cannot hand off to himself, gets this far.
provider.on({ userMessage: "mend my parser" }, { content: "Your parser is mended." });
// Without a latency aimock sends nothing before it disconnects.
provider.on({ userMessage: "die in the middle" }, { content: LONG }, { latency: 50, disconnectAfterMs: 900 });
provider.on(
  { userMessage: "not so fast", sequenceIndex: 0 },
  { error: { message: "slow down", type: "rate_limit_error", code: "rate_limit_exceeded" }, status: 429, retryAfter: 2 },
);
provider.on({ userMessage: "not so fast", sequenceIndex: 1 }, { content: "Now I have time." });
provider.on({ userMessage: "keep silent" }, { content: LONG }, { latency: 60_000 });
provider.on({ userMessage: "be cut short" }, { content: LONG, finishReason: "length" });
provider.on({ userMessage: "use the wrong key" }, {
  error: { message: "the key sk-secret is wrong", type: "invalid_request_error", code: "invalid_api_key" },
  status: 401,
});
await provider.start();

const headers = { "content-type": "application/json" };

async function post(path, body) {
  const response = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  assert.ok(response.ok, `${path}: ${response.status} ${response.ok ? "" : await response.text()}`);
  return response;
}

const { access_token: token } = await (await post("/api/v1/auth/token", { email, password })).json();
headers.authorization = `Bearer ${token}`;

// All frames of a turn, each with the moment it came.
async function stream(message) {
  const response = await post("/api/v1/chat/stream", { message });
  const frames = [];
  let text = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + piece).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n").filter((line) => line.startsWith("data:"));
      if (lines.length > 0) frames.push(JSON.parse(lines.map((line) => line.slice(5).trimStart()).join("\n")));
    }
  }
  const terminal = frames.filter(({ kind }) => kind === "final" || kind === "error");
  assert.equal(terminal.length, 1, `terminal frames: ${JSON.stringify(terminal)}`);
  assert.equal(frames.at(-1), terminal[0], "the terminal frame is not the last");
  return frames;
}

const seen = (frames) => frames.filter(({ kind }) => kind === "message.delta").map(({ delta }) => delta).join("");
const asked = (message) =>
  provider.getRequests().filter(({ body }) => body.messages.findLast(({ role }) => role === "user").content.includes(message));

async function history(frames) {
  const response = await fetch(`${url}/api/v1/conversations/${frames[0].conversation_id}`, { headers });
  assert.equal(response.status, 200);
  return (await response.json()).messages;
}

async function failed(message, code, { retryable, partial }) {
  const frames = await stream(message);
  const { kind, error } = frames.at(-1);
  assert.equal(kind, "error", JSON.stringify(frames.at(-1)));
  assert.equal(error.code, code, JSON.stringify(error));
  assert.equal(error.source, "provider");
  assert.equal(error.is_retryable, retryable);
  assert.ok(error.message.length > 0, "the error says nothing");
  assert.ok(!error.message.includes("sk-secret"), "the error quotes the provider");
  const messages = await history(frames);
  assert.equal(messages[0].role, "user");
  assert.ok(messages[0].content.includes(message), `history: ${JSON.stringify(messages)}`);
  const kept = messages.filter(({ role }) => role === "assistant").map(({ content }) => content).join("");
  if (partial) {
    assert.notEqual(seen(frames), "", "no text came before the failure: the case proves nothing");
    assert.ok(LONG.startsWith(kept) && kept !== LONG, `kept: ${kept}`);
  }
  assert.equal(kept, seen(frames), "the history is not what was seen");
  assert.equal(asked(message).length, 1, "the provider was asked more than once");
}

async function proves(what, attempt) {
  await attempt();
  console.log(`ok: ${what}`);
}

await proves("a turn is streamed, kept and counted", async () => {
  const frames = await stream("tell me something");
  assert.equal(frames.at(-1).kind, "final", JSON.stringify(frames.at(-1)));
  const { final } = frames.at(-1);
  assert.equal(final.status, "completed");
  assert.equal(final.response_text, LONG);
  assert.equal(seen(frames), LONG);
  assert.ok(frames.filter(({ kind }) => kind === "message.delta").length > 5, "it came in one piece");
  assert.equal(final.usage.input_tokens, 11);
  assert.equal(final.usage.output_tokens, 7);
  assert.deepEqual((await history(frames)).map(({ role, content }) => [role, content]), [
    ["user", "tell me something"],
    ["assistant", LONG],
  ]);
});

await proves("a tool is called and its result reaches the model", async () => {
  const answer = await (await post("/api/v1/chat", { message: "which hour is it" })).json();
  assert.match(answer.response, /^The tool says .*\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} UTC/);
  assert.equal(answer.handoff_occurred, false);
  assert.equal(asked("which hour is it").length, 2);
});

await proves("triage hands off to the code assistant, who answers", async () => {
  const answer = await (await post("/api/v1/chat", { message: "mend my parser" })).json();
  assert.equal(answer.response, "Your parser is mended.");
  assert.equal(answer.agent_used, "code_assistant");
  assert.equal(answer.handoff_occurred, true);
  const moved = (await stream("mend my parser, and stream it")).filter(({ kind }) => kind === "agent.updated");
  assert.deepEqual(moved.map(({ from_agent, to_agent }) => [from_agent, to_agent]), [["triage", "code_assistant"]]);
});

await proves("a provider that dies after text fails the run, keeps the text and is not asked again", () =>
  failed("die in the middle", "model_stream_broken", { retryable: true, partial: true }));

await proves("a 429 with Retry-After is waited for and asked again", async () => {
  const frames = await stream("not so fast");
  assert.equal(frames.at(-1).kind, "final", JSON.stringify(frames.at(-1)));
  assert.equal(frames.at(-1).final.response_text, "Now I have time.");
  const [first, second] = asked("not so fast").map(({ timestamp }) => timestamp);
  assert.ok(second - first >= 2000, `asked again after ${second - first} ms, not after 2 s`);
});

await proves("a provider that keeps silent runs into the deadline", () =>
  failed("keep silent", "model_timeout", { retryable: true, partial: false }));

await proves("an answer that the provider cut for its length is none", () =>
  failed("be cut short", "model_stream_broken", { retryable: true, partial: false }));

await proves("a refused key is said without quoting the provider", () =>
  failed("use the wrong key", "model_refused", { retryable: false, partial: false }));

// aimock waits for answers that nobody reads any more.
process.exit(0);
