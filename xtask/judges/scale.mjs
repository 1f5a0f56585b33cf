// Postgres judges: how many transactions a turn takes, and how many pages a list reads among a million messages.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

const { CHANCERY_URL: url, CHANCERY_EMAIL: email, CHANCERY_PASSWORD: password, PSQL, DATABASE, LOG, PART } = process.env;
const headers = { "content-type": "application/json" };

const sql = (text) =>
  execFileSync(PSQL, ["--no-psqlrc", "-qtA", "-v", "ON_ERROR_STOP=1", "-c", text, DATABASE], { encoding: "utf8" }).trim();

async function ask(method, path, body) {
  const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text;
}

const { access_token: token } = JSON.parse(await ask("POST", "/api/v1/auth/token", { email, password }));
headers.authorization = `Bearer ${token}`;

// Transactions that changed something have an id, and ids count up for the whole server.
const ids = () => BigInt(sql("SELECT pg_snapshot_xmax(pg_current_snapshot())"));
// What background loops write is known by its rows: each stands there with the transaction that wrote it last.
const writers = (tables, since, until) =>
  Number(sql(`SELECT count(DISTINCT xmin::text) FROM (${tables.map((table) => `SELECT xmin FROM ${table}`).join(" UNION ALL ")}) AS rows
    WHERE xmin::text::bigint >= ${since} AND xmin::text::bigint < ${until}`));
const quiet = async () => {
  while (sql("SELECT count(*) FROM outbox") !== "0") await pause(50);
};

// A turn's transactions, those of its end announced to others not counted: they come later, for many turns at once.
async function transactions(message) {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    await quiet();
    const first = ids();
    const began = Date.now();
    const text = await ask("POST", "/api/v1/chat/stream", { message });
    const [after, ms] = [ids(), Date.now() - began];
    const chunks = text.split('"kind":"message.delta"').length - 1;
    const loops = writers(["key_replicas", "leases"], first, after);
    // Its end was taken to those who follow it before we looked: those transactions are not the turn's.
    const claimed = sql("SELECT count(*) FROM outbox WHERE claimed_until IS NOT NULL") !== "0";
    if (claimed || writers(["audit_events", "usage_records"], first, after) > 0) continue;
    return { used: Number(after - first) - loops, chunks, ms };
  }
  throw new Error("each of twenty turns was taken to its followers at once");
}

async function commits() {
  await transactions("a first turn, so that nothing is done for the first time");
  if (PART === "short") {
    // Words that are repeated come one by one; an answer with a call, and one after a hand-off.
    const words = (count) => `repeat after me: ${Array.from({ length: count }, (_, place) => `word${place}`).join(" ")}`;
    const turns = [[words(3), 3], [words(100), 100], [words(1000), 1000], ["what time is it?", 5], ["write some code", 5]];
    for (const [message, least] of turns) {
      const { used, chunks, ms } = await transactions(message);
      assert.ok(chunks >= least, `${chunks} chunks: the case proves nothing`);
      console.log(`a turn of ${chunks} chunks in ${ms} ms: ${used} transactions`);
      assert.ok(ms < 1000, "it took longer than a second: the case proves nothing");
      assert.equal(used, 2, `${used} transactions for a turn of under a second`);
    }
  } else {
    const { used, chunks, ms } = await transactions("tell me something");
    console.log(`a turn of ${chunks} chunks in ${ms} ms: ${used} transactions`);
    assert.ok(ms > 2000, "it took no two seconds: the case proves nothing");
    assert.ok(used <= 2 + Math.floor(ms / 1000), `${used} transactions in ${ms} ms`);
  }
}

// A million messages of one tenant: 200,000 conversations of four, a tenth of them the owner's, and one of 200,000.
function fill() {
  const [tenant, owner] = sql("SELECT tenant_id, owner_id FROM conversations LIMIT 1").split("|");
  const columns = "tenant_id, conversation_id, position, id, owner_id, role, content, agent, run_id, status, created_at";
  const said = `CASE WHEN p % 2 = 0 THEN 'user' ELSE 'assistant' END, 'the invoice of ' || md5(c || ':' || p) || ' is paid', 'triage',
    gen_random_uuid(), 'completed', c_at`;
  sql(`
    -- What is not on disk yet is not marked as visible to all.
    SET synchronous_commit = on; SET maintenance_work_mem = '256MB';
    DROP INDEX ix_messages_search;
    CREATE TEMP TABLE threads AS
      SELECT c, ('01900000-0000-7000-8000-' || lpad(to_hex(c), 12, '0'))::uuid AS id, now() - c * interval '1 minute' AS c_at,
        CASE WHEN c % 10 = 0 THEN '${owner}'::uuid ELSE md5('owner' || c % 10)::uuid END AS owner
      FROM generate_series(1, 200001) AS c;
    UPDATE threads SET owner = '${owner}' WHERE c = 200001;
    INSERT INTO conversations (tenant_id, id, owner_id, key, agent_entrypoint, active_agent, message_count,
        last_message_preview, created_at, updated_at)
      SELECT '${tenant}', id, owner, 'seed-' || c, 'triage', 'triage', CASE WHEN c = 200001 THEN 200000 ELSE 4 END,
        repeat('preview ', 10), c_at, c_at FROM threads;
    INSERT INTO messages (${columns})
      SELECT '${tenant}', id, p, gen_random_uuid(), owner, ${said} FROM threads, generate_series(0, 3) AS p WHERE c <= 200000;
    INSERT INTO messages (${columns})
      SELECT '${tenant}', id, p, gen_random_uuid(), owner, ${said} FROM threads, generate_series(0, 199999) AS p WHERE c = 200001;
    CREATE INDEX ix_messages_search ON messages USING gin (search);
  `);
  sql("VACUUM (ANALYZE) conversations");
  sql("VACUUM (ANALYZE) messages");
  const deep = sql(`SELECT to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), id FROM conversations
    WHERE tenant_id = '${tenant}' AND owner_id = '${owner}' ORDER BY updated_at DESC, id DESC OFFSET 18000 LIMIT 1`).split("|");
  return { rows: Number(sql("SELECT count(*) FROM messages")), deep };
}

// Every plan that Postgres logged while `work` ran.
async function plans(work) {
  const from = statSync(LOG).size;
  await work();
  const text = readFileSync(LOG, "utf8").slice(from);
  const found = [];
  for (const [, written] of text.matchAll(/plan:\n((?:\t.*\n?)+)/g)) found.push(JSON.parse(written));
  assert.ok(found.length > 0, "Postgres logged no plan");
  return found;
}

const buffers = ({ Plan: plan }) => plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
const nodes = (plan) => [plan["Node Type"], ...(plan.Plans ?? []).flatMap(nodes)];
const names = (one, table) => new RegExp(`\\b${table}\\b`).test(one["Query Text"]);
const about = (all, table) => all.filter((one) => names(one, table));

async function growth() {
  await ask("POST", "/api/v1/chat", { message: "one turn, so that there is an owner" });
  await quiet();
  const { rows, deep } = fill();
  console.log(`${rows} messages`);
  assert.ok(rows >= 1_000_000);
  const listed = JSON.parse(await ask("GET", "/api/v1/conversations?limit=50"));
  const place = JSON.parse(Buffer.from(listed.next_cursor, "base64url"));
  const [at, id] = deep;
  const shaped = place.id.includes("-") ? id : `${place.id.split("_")[0]}_${id.replaceAll("-", "")}`;
  const cursor = Buffer.from(JSON.stringify({ ...place, ts: at, id: shaped })).toString("base64url");
  const every = [];
  const judged = async (what, table, most, path, check) => {
    // Once to fill the caches, once to count.
    await ask("GET", path);
    const all = await plans(async () => check(JSON.parse(await ask("GET", path))));
    every.push(...all);
    const read = about(all, table).map(buffers);
    console.log(`${what}: ${read.join(" + ")} buffers`);
    assert.ok(read.length > 0, `no statement about ${table}`);
    if (most !== null) assert.ok(Math.max(...read) <= most, `${what} reads more than ${most} buffers`);
    return all;
  };
  const full = ({ items }) => assert.equal(items.length, 50);
  await judged("the first page of conversations", "conversations", 12, "/api/v1/conversations?limit=50", full);
  await judged("a page at 90 % depth", "conversations", 12, `/api/v1/conversations?limit=50&cursor=${cursor}`, ({ items }) => {
    assert.equal(items.length, 50);
    assert.ok(items[0].updated_at <= at, `${items[0].updated_at} is above ${at}`);
  });
  await judged("the last page of a conversation of 200,000 messages", "messages", 12,
    "/api/v1/conversations/seed-200001/messages?limit=50", full);
  const word = sql("SELECT md5('100000:2')");
  const searched = await judged("a search for one word", "messages", null, `/api/v1/conversations/search?q=${word}`, ({ items }) =>
    assert.equal(items.length, 1));
  const appended = await plans(async () => {
    await ask("POST", "/api/v1/chat", { message: "append this", conversation_id: "seed-200001" });
    await pause(300);
  });
  every.push(...appended);
  const said = appended.filter((one) => /insert into "?messages/i.test(one["Query Text"]));
  assert.equal(said.length, 2, "what was said and what was answered");
  console.log(`an appended turn: ${about(appended, "messages").map(buffers).join(" + ")} buffers`);
  for (const one of [...searched, ...appended]) {
    const big = ["messages", "conversations", "runs", "run_log"].some((table) => names(one, table));
    assert.ok(!big || !nodes(one.Plan).includes("Seq Scan"), `a sequential scan: ${one["Query Text"]}`);
  }
  for (const one of every) assert.ok(!/\boffset\b/i.test(one["Query Text"]), `OFFSET: ${one["Query Text"]}`);
}

await (PART === "growth" ? growth() : commits());
