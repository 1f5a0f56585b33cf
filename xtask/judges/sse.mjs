// npm `eventsource-parser` against our streams: what it reads is what stands between our line ends, however the bytes come.
import assert from "node:assert/strict";
import { createParser } from "eventsource-parser";

const { CHANCERY_URL: url, CHANCERY_EMAIL: email, CHANCERY_PASSWORD: password } = process.env;

async function call(path, { body, headers = {} } = {}) {
  const response = await fetch(`${url}/api/v1${path}`, {
    method: body ? "POST" : "GET",
    headers: { ...(body && { "content-type": "application/json" }), ...headers },
    body: body && JSON.stringify(body),
  });
  assert.equal(response.status, 200, `${path}: ${response.status} ${response.ok ? "" : await response.text()}`);
  return response;
}

const login = await (await call("/auth/token", { body: { email, password } })).json();
const headers = { authorization: `Bearer ${login.access_token}` };

// What it makes of pieces of bytes. A comment, an unknown field or a broken line would be told.
function reader() {
  const seen = { events: [], comments: [] };
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const parser = createParser({
    onEvent: (event) => seen.events.push(event),
    onComment: (comment) => seen.comments.push(comment),
    onRetry: (retry) => assert.fail(`a retry of ${retry}`),
    onError: (error) => assert.fail(`${error}`),
  });
  return { seen, feed: (bytes) => parser.feed(decoder.decode(bytes, { stream: true })) };
}

// The frames as they were written, without any rule of the format but the blank line.
function written(bytes) {
  const blocks = Buffer.from(bytes).toString("utf8").split("\n\n");
  assert.equal(blocks.pop(), "", "the last frame is whole");
  return blocks
    .filter((block) => !block.startsWith(":"))
    .map((block) => {
      const [id, data, ...rest] = block.split("\n");
      assert.deepEqual(rest, [], block);
      assert.ok(id.startsWith("id: ") && data.startsWith("data: "), block);
      return { id: id.slice(4), data: data.slice(6) };
    });
}

const plain = ({ id, data, event }) => ({ id, data, ...(event && { event }) });

async function read(response, most = Infinity) {
  const { seen, feed } = reader();
  const pieces = [];
  for await (const piece of response.body) {
    pieces.push(piece);
    feed(piece);
    if (seen.events.length >= most) break;
  }
  return { events: seen.events.map(plain), comments: seen.comments, bytes: Buffer.concat(pieces) };
}

function in_pieces(bytes, size) {
  const { seen, feed } = reader();
  for (let at = 0; at < bytes.length; at += size) feed(bytes.subarray(at, at + size));
  return seen.events.map(plain);
}

const messages = {
  plain: "repeat after me: one two three four five six seven eight nine ten",
  odd: 'repeat after me: \u2028 \u2029 \u0085 \u000b \u000c data: id: 1.2 event: x :comment "quoted" \\n \r\n\r\n tôt 😀 end',
  tool: "search for three",
  handoff: "debug my rust code",
};
for (const [name, message] of Object.entries(messages)) {
  const body = { message, conversation_id: name };
  const live = await read(await call("/chat/stream", { body, headers }));
  assert.deepEqual(live.events, written(live.bytes), `${name}: live`);
  assert.ok(live.comments.length >= 1, `${name}: a comment comes at once`);
  const run = live.events[0].id.split(".")[0];
  const ends = live.events.filter(({ data }) => ["final", "error"].includes(JSON.parse(data).kind));
  assert.deepEqual(ends, [live.events.at(-1)], `${name}: one end, the last`);

  for (const path of [`/runs/${run}/stream`, `/conversations/${name}/ledger/stream`]) {
    const replay = await read(await call(path, { headers }));
    assert.deepEqual(replay.events, live.events, `${path}: replayed`);
    for (const size of [1, 2, 3, 7, 64, 4096]) {
      assert.deepEqual(in_pieces(replay.bytes, size), live.events, `${path}: in pieces of ${size}`);
    }
    for (const cut of [0, 1, Math.floor(live.events.length / 2), live.events.length - 1]) {
      const last = live.events[cut].id;
      const rest = await read(await call(path, { headers: { ...headers, "last-event-id": last } }));
      assert.deepEqual(rest.events, live.events.slice(cut + 1), `${path}: after ${last}`);
    }
  }
  console.log(`eventsource-parser: ${live.events.length} events of ${name}, live, replayed, resumed and in pieces`);
}

// One that is cut while it is written, and taken up again while it still is.
const body = { message: `repeat after me: ${"word ".repeat(100)}`, conversation_id: "cut" };
let joined = (await read(await call("/chat/stream", { body, headers }), 5)).events;
const run = joined[0].id.split(".")[0];
let cuts = 0;
while (!["final", "error"].includes(JSON.parse(joined.at(-1).data).kind)) {
  const resume = { ...headers, "last-event-id": joined.at(-1).id };
  const next = await read(await call(`/runs/${run}/stream`, { headers: resume }), 17);
  assert.ok(next.events.length > 0, "the stream goes on");
  joined = joined.concat(next.events);
  cuts += 1;
}
const whole = await read(await call(`/runs/${run}/stream`, { headers }));
assert.deepEqual(joined, whole.events);
assert.ok(cuts > 3, `${cuts} cuts`);
console.log(`eventsource-parser: a stream cut ${cuts} times while it was written joins to the whole`);
