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
// Ends as if all were well, without its end mark.
provider.on({ userMessage: "stop without a word" }, { content: LONG }, { latency: 50, truncateAfterChunks: 12 });
provider.on({ userMessage: "speak in tongues" }, { content: LONG }, { chaos: { malformedRate: 1 } });
const stall = { ttftMs: 0, interChunkDelaysMs: [...Array(11).fill(20), 60_000], totalDurationMs: 60_220 };
provider.on({ userMessage: "stall in the middle" }, { content: LONG }, { recordedTimings: stall });
provider.on(
  { userMessage: "take the sledgehammer", hasToolResult: false },
  { toolCalls: [{ name: "sledgehammer", arguments: {} }] },
);
provider.on(
  { userMessage: "mumble to the clock", hasToolResult: false },
  { toolCalls: [{ name: "get_current_time", arguments: '{"zone": "UT' }] },
);
for (const userMessage of ["take the sledgehammer", "mumble to the clock"]) {
  provider.on({ userMessage, hasToolResult: true }, (request) => ({ content: `I was told: ${lastToolResult(request)}` }));
}
provider.on({ userMessage: "and now" }, { content: "Here I am again.", usage: USAGE });
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
async function stream(message, conversation_id = null) {
  const response = await post("/api/v1/chat/stream", { message, conversation_id });
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
  await goesOn(frames);
}

// The next turn of the conversation is answered.
async function goesOn(frames) {
  const before = await history(frames);
  const next = await stream("and now?", frames[0].conversation_id);
  assert.equal(next.at(-1).kind, "final", JSON.stringify(next.at(-1)));
  const after = (await history(frames)).map(({ content }) => content);
  assert.deepEqual(after, [...before.map(({ content }) => content), "and now?", "Here I am again."]);
}

// A call that cannot be made: the model is told `why` and answers.
async function refusedCall(message, why) {
  const frames = await stream(message);
  const { kind, final } = frames.at(-1);
  assert.equal(kind, "final", JSON.stringify(frames.at(-1)));
  assert.equal(final.status, "completed");
  assert.match(final.response_text, why);
  assert.equal(final.usage.requests, 2);
  const states = frames.filter(({ kind }) => kind === "tool.status").map(({ tool }) => tool.status);
  assert.equal(states.at(-1), "failed", JSON.stringify(states));
  assert.equal((await history(frames)).at(-1).content, final.response_text);
  await goesOn(frames);
}

// Turns of the model, calls of tools and tokens, in all.
async function usage() {
  const response = await fetch(`${url}/api/v1/usage?granularity=month`, { headers });
  assert.equal(response.status, 200);
  const { items } = await response.json();
  const sum = (member) => items.reduce((total, item) => total + item[member], 0);
  return ["requests", "tool_calls", "input_tokens", "output_tokens"].map(sum);
}

// What was used is told within seconds; then it stays.
async function counts(expected) {
  const deadline = Date.now() + 10_000;
  const seen = async () => (await usage()).slice(0, expected.length);
  while (JSON.stringify(await seen()) !== JSON.stringify(expected) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.deepEqual(await seen(), expected);
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

await proves("the tokens that the provider told are counted", () => counts([1, 0, 11, 7]));

await proves("a tool is called and its result reaches the model", async () => {
  const answer = await (await post("/api/v1/chat", { message: "which hour is it" })).json();
  assert.match(answer.response, /^The tool says .*\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} UTC/);
  assert.equal(answer.handoff_occurred, false);
  assert.equal(asked("which hour is it").length, 2);
});

await proves("a call and the two turns around it are counted", () => counts([3, 1]));

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

await proves("a stream that stops without its end mark is no answer", () =>
  failed("stop without a word", "model_stream_broken", { retryable: true, partial: true }));

await proves("an answer that is no stream of events is none", () =>
  failed("speak in tongues", "model_stream_broken", { retryable: true, partial: false }));

await proves("a provider that stalls in the middle runs into the deadline", () =>
  failed("stall in the middle", "model_timeout", { retryable: true, partial: true }));

await proves("a tool that nobody offered is not called, and the model learns of it", () =>
  refusedCall("take the sledgehammer", /^I was told: the tool sledgehammer is not available here/));

await proves("a tool is not called with arguments that are no JSON, and the model learns of it", () =>
  refusedCall("mumble to the clock", /^I was told: .*JSON/));

// aimock waits for answers that nobody reads any more.
process.exit(0);
