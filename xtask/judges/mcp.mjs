// Agents with tools of MCP servers. The server under judgement is started, killed and started again between two parts; the
// model is played by aimock, on the same port in both.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { LLMock } from "@copilotkit/aimock";

const { CHANCERY_URL: url, CHANCERY_EMAIL: email, CHANCERY_PASSWORD: password, PROVIDER_PORT: port, CALLS, NOTES, PART } =
  process.env;
const SERVERS = ["npm_stdio", "npm_http", "pypi_stdio", "pypi_http"];

const provider = new LLMock({ port: Number(port), strict: true });
const lastToolResult = (request) => request.messages.findLast((message) => message.role === "tool").content;
for (const server of SERVERS) {
  const offers = (request) =>
    request.tools?.some(
      ({ function: { name, parameters } }) => name === `${server}_add` && parameters.required?.join() === "a,b",
    ) ?? false;
  provider.on(
    { userMessage: `add with ${server}`, hasToolResult: false, predicate: offers },
    { toolCalls: [{ name: `${server}_add`, arguments: { a: 19, b: 23 } }] },
  );
  for (const path of ["/srv/old", "/etc"]) {
    provider.on(
      { userMessage: `delete ${path} with ${server}`, hasToolResult: false },
      { toolCalls: [{ name: `${server}_delete_file`, arguments: { path } }] },
    );
  }
}
provider.on({ hasToolResult: true }, (request) => ({ content: `Done: ${lastToolResult(request)}` }));
await provider.start();

const headers = { "content-type": "application/json" };

async function ask(method, path, body, wanted) {
  const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert.equal(response.status, wanted, `${method} ${path}: ${text}`);
  return text;
}

const { access_token: token } = JSON.parse(await ask("POST", "/api/v1/auth/token", { email, password }, 200));
headers.authorization = `Bearer ${token}`;

const calls = () => readFileSync(CALLS, "utf8").split("\n").filter(Boolean);

async function proves(what, attempt) {
  await attempt();
  console.log(`ok: ${what}`);
}

// The frames of a run, to the terminal one.
async function frames(run) {
  const text = await ask("GET", `/api/v1/runs/${run}/stream`, undefined, 200);
  const data = text.split("\n").filter((line) => line.startsWith("data:"));
  return data.map((line) => JSON.parse(line.slice(5)));
}

if (PART === "ask") {
  writeFileSync(CALLS, "");
  const tools = JSON.parse(await ask("GET", "/api/v1/tools", undefined, 200));
  for (const server of SERVERS) {
    await proves(`${server}: a tool is listed, called, and its answer reaches the model`, async () => {
      assert.ok(tools.tool_names.includes(`${server}_add`), JSON.stringify(tools));
      const before = calls().length;
      const answer = JSON.parse(await ask("POST", "/api/v1/chat", { message: `add with ${server}` }, 200));
      assert.equal(answer.response, "Done: the sum is 42");
      assert.deepEqual(calls().slice(before), ["add 19 23"]);
      const shown = (await frames(answer.metadata.run_id)).filter(({ kind }) => kind === "tool.status");
      assert.deepEqual(
        shown.map(({ tool }) => [tool.tool_type, tool.server_label, tool.tool_name, tool.status]),
        ["in_progress", "completed"].map((status) => ["mcp", server, `${server}_add`, status]),
      );
    });
  }
  const waiting = [];
  for (const server of SERVERS) {
    await proves(`${server}: a tool that needs approval is not called before`, async () => {
      for (const path of ["/srv/old", "/etc"]) {
        const body = { message: `delete ${path} with ${server}` };
        waiting.push({ server, path, ...JSON.parse(await ask("POST", "/api/v1/chat", body, 202)) });
      }
    });
  }
  assert.equal(calls().length, SERVERS.length, "nothing was deleted yet");
  writeFileSync(NOTES, JSON.stringify(waiting));
} else {
  for (const { server, path, run_id: run, approval_id: approval } of JSON.parse(readFileSync(NOTES, "utf8"))) {
    await proves(`${server}: after a kill, ${path} is settled and called once`, async () => {
      const before = calls().length;
      await ask("POST", `/api/v1/approvals/${approval}`, { approved: true }, 200);
      const told = await frames(run);
      const { kind, final } = told.at(-1);
      assert.equal(kind, "final", JSON.stringify(told.at(-1)));
      assert.match(final.response_text, path === "/etc" ? /^Done: .*not that one/ : /^Done: \/srv\/old is gone$/);
      const asked = told.filter((frame) => frame.kind === "tool.approval");
      assert.deepEqual(asked.map(({ server_label, approved }) => [server_label, approved]), [[server, null], [server, true]]);
      const ended = told.findLast((frame) => frame.kind === "tool.status");
      assert.equal(ended.tool.status, path === "/etc" ? "failed" : "completed");
      // Saying it again changes nothing.
      await ask("POST", `/api/v1/approvals/${approval}`, { approved: true }, 200);
      assert.deepEqual(calls().slice(before), [`delete ${path}`]);
    });
  }
}
await provider.stop();
