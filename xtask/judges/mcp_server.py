"""A server written with the official Python SDK: over stdio, or over streamable HTTP when it is given a PORT."""

import os

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("judge", version="1.0.0", log_level="ERROR")


def note(line: str) -> None:
    with open(os.environ["CALLS"], "a", encoding="utf-8") as calls:
        calls.write(line + "\n")


@server.tool()
def add(a: int, b: int) -> str:
    """Adds two numbers."""
    note(f"add {a} {b}")
    return f"the sum is {a + b}"


@server.tool(name="delete-file")
def delete_file(path: str) -> str:
    """Deletes a file."""
    note(f"delete {path}")
    if path == "/etc":
        raise ToolError("not that one")
    return f"{path} is gone"


if "PORT" in os.environ:
    server.run("streamable-http", host="127.0.0.1", port=int(os.environ["PORT"]))
else:
    server.run("stdio")
