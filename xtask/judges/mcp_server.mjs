// A server written with the official TypeScript SDK: over stdio, or over streamable HTTP when it is given a PORT.
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";

const { CALLS, PORT, SECRET } = process.env;
const note = (line) => appendFileSync(CALLS, `${line}\n`);

function offer() {
  const server = new McpServer({ name: "judge", version: "1.0.0" });
  server.registerTool(
    "add",
    { description: "Adds two numbers.", inputSchema: { a: z.number(), b: z.number() } },
    async ({ a, b }) => {
      note(`add ${a} ${b}`);
      return { content: [{ type: "text", text: `the sum is ${a + b}` }] };
    },
  );
  server.registerTool(
    "delete-file",
    { description: "Deletes a file.", inputSchema: { path: z.string() } },
    async ({ path }) => {
      note(`delete ${path}`);
      if (path === "/etc") return { isError: true, content: [{ type: "text", text: "not that one" }] };
      return { content: [{ type: "text", text: `${path} is gone` }] };
    },
  );
  return server;
}

if (PORT === undefined) {
  await offer().connect(new StdioServerTransport());
} else {
  const sessions = new Map();
  createServer(async (request, response) => {
    if (request.headers.authorization !== `Bearer ${SECRET}`) {
      response.writeHead(401).end();
      return;
    }
    let transport = sessions.get(request.headers["mcp-session-id"]);
    if (transport === undefined) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => sessions.set(id, transport),
      });
      await offer().connect(transport);
    }
    await transport.handleRequest(request, response);
  }).listen(Number(PORT), "127.0.0.1");
}
