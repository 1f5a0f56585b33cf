// How long a revoked token is still taken, at either of two replicas under load: by each kind of revocation, while Redis is well, is
// emptied every second, loses its subscribers, and is dead; then what happens while Postgres stands still.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { connect } from "node:net";

const { CHANCERY_URLS, CHANCERY_EMAIL: email, CHANCERY_PASSWORD: password, CHANCERY_BIN: binary } = process.env;
const { CHANCERY_SETTINGS, REDIS_PORT, REDIS_PID, POSTGRES_PID } = process.env;
const urls = CHANCERY_URLS.split(",");
const settings = JSON.parse(CHANCERY_SETTINGS);
const LIMIT = 1000;
const now = () => performance.now();
const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));

async function post(url, path, body, token) {
  const form = typeof body === "string";
  const headers = { "content-type": form ? "application/x-www-form-urlencoded" : "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  return fetch(`${url}${path}`, { method: "POST", headers, body: form ? body : JSON.stringify(body) });
}
const me = (url, token) => fetch(`${url}/api/v1/auth/me`, { headers: { authorization: `Bearer ${token}` } });
const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
const kid = (token) => JSON.parse(Buffer.from(token.split(".")[0], "base64url")).kid;

async function logIn() {
  const answer = await post(urls[0], "/api/v1/auth/token", { email, password });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

function command(...words) {
  const ended = spawnSync(binary, words, { env: settings, encoding: "utf8" });
  assert.equal(ended.status, 0, `${words.join(" ")}: ${ended.stderr}`);
}

async function ok(answering) {
  const answer = await answering;
  assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
}

const KINDS = {
  token: (pair) => ok(post(urls[0], "/oauth/revoke", `token=${pair.access_token}&client_id=password`)),
  session: (pair) => ok(post(urls[0], "/oauth/revoke", `token=${pair.refresh_token}&client_id=password`)),
  subject: (pair) => ok(post(urls[0], "/api/v1/auth/logout/all", {}, pair.access_token)),
  tenant: (pair) => command("admin", "revoke", "--tenant", claims(pair.access_token).tenant_id, "--reason", "measured"),
  key: (pair) => command("keys", "compromise", kid(pair.access_token)),
};
const COMMANDS = ["tenant", "key"];

// The last moment after `since` at which the replica still took the token.
async function lastTaken(url, token, since) {
  let last = 0;
  for (;;) {
    const asked = now();
    const answer = await me(url, token);
    await answer.arrayBuffer();
    if (answer.status === 401) return last;
    assert.equal(answer.status, 200);
    last = Math.max(last, asked - since);
    assert.ok(last < 5000, "the token is taken for five seconds");
  }
}

async function sample(kind) {
  const pair = await logIn();
  for (const url of urls) assert.equal((await me(url, pair.access_token)).status, 200);
  await KINDS[kind](pair);
  const since = now();
  return Math.max(...(await Promise.all(urls.map((url) => lastTaken(url, pair.access_token, since)))));
}

function redis(line) {
  const socket = connect(Number(REDIS_PORT), "127.0.0.1", () => socket.end(`${line}\r\n`));
  socket.on("error", () => {});
  socket.resume();
}

const CONDITIONS = {
  "all is well": () => () => {},
  "Redis is emptied every second": () => {
    const timer = setInterval(() => redis("FLUSHALL"), 1000);
    return () => clearInterval(timer);
  },
  "Redis drops its subscribers": () => {
    const timer = setInterval(() => redis("CLIENT KILL TYPE pubsub"), 50);
    return () => clearInterval(timer);
  },
  "Redis is dead": () => {
    process.kill(Number(REDIS_PID), "SIGKILL");
    return () => {};
  },
};

// Steady verification beside what is measured.
let loaded = 0;
let stopped = false;
async function load(url) {
  while (!stopped) {
    const answer = await fetch(`${url}/.well-known/jwks.json`);
    await answer.arrayBuffer();
    const refused = await me(url, "not.a.token");
    await refused.arrayBuffer();
    loaded += 2;
    await wait(2);
  }
}
const loads = urls.flatMap((url) => [load(url), load(url)]);

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)].toFixed(0).padStart(5);
console.log("milliseconds from a revocation to the last use anywhere: median, p99, most");
for (const [condition, begin] of Object.entries(CONDITIONS)) {
  const end = begin();
  for (const kind of Object.keys(KINDS)) {
    const samples = [];
    for (let n = 0; n < (COMMANDS.includes(kind) ? 5 : 20); n += 1) samples.push(await sample(kind));
    samples.sort((one, other) => one - other);
    const [median, p99, most] = [at(samples, 0.5), at(samples, 0.99), at(samples, 1)];
    console.log(`${condition.padEnd(30)} ${kind.padEnd(8)} ${String(samples.length).padStart(3)} times: ${median} ${p99} ${most}`);
    assert.ok(Number(p99) < LIMIT, `${kind}, ${condition}: taken for ${p99} ms`);
  }
  end();
}

// Postgres stands still: nobody can tell any more, and says so.
const good = (await logIn()).access_token;
const backends = () => spawnSync("pgrep", ["--parent", POSTGRES_PID], { encoding: "utf8" }).stdout.split("\n").filter(Boolean);
const signal = (name) => [POSTGRES_PID, ...backends()].forEach((pid) => process.kill(Number(pid), name));
signal("SIGSTOP");
const stood = now();
const lates = await Promise.all(
  urls.map(async (url) => {
    for (;;) {
      const answer = await me(url, good);
      if (answer.status === 503) {
        assert.ok(answer.headers.get("retry-after"), "a 503 says when to try again");
        return now() - stood;
      }
      assert.equal(answer.status, 200);
      assert.ok(now() - stood < 5000, "a replica goes on without its revocations");
    }
  }),
);
console.log(`Postgres stands still: 503 after ${lates.map((late) => late.toFixed(0)).join(" and ")} ms`);
signal("SIGCONT");
const went = now();
for (const url of urls) {
  while ((await me(url, good)).status !== 200) assert.ok(now() - went < 10_000, "a replica is not well again");
}
console.log(`Postgres goes on: well again after ${(now() - went).toFixed(0)} ms`);
stopped = true;
await Promise.all(loads);
assert.ok(Math.max(...lates) < 1500, "a replica answered for too long");
console.log(`${loaded} requests of load`);
process.exit(0);
