"""llmock breaks the provider's answers: nothing broken may pass for an answer, and our retries must find its approval."""

import json
import os
import time

import httpx
from llmock.scenarios import Fail, Reply, StreamFault, ToolCall, ToolFault
from llmock.simulation import MockResponseSettings
from llmock.testing import LLMockServer
from llmock.verdict import judge

URL = os.environ["CHANCERY_URL"]
WORDS = " ".join(f"word{number}" for number in range(20))

provider = LLMockServer(
    port=int(os.environ["PROVIDER_PORT"]), responses=MockResponseSettings(tool_mode="off")
)
client = httpx.Client(base_url=URL, timeout=60)


def login():
    person = {"email": os.environ["CHANCERY_EMAIL"], "password": os.environ["CHANCERY_PASSWORD"]}
    answer = client.post("/api/v1/auth/token", json=person)
    assert answer.status_code == 200, answer.text
    client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"


def stream(message, conversation=None):
    """All frames of a turn; the last one is the only terminal one."""
    frames = []
    turn = {"message": message, "conversation_id": conversation}
    with client.stream("POST", "/api/v1/chat/stream", json=turn) as answer:
        assert answer.status_code == 200, answer.read()
        frames = [json.loads(line[5:]) for line in answer.iter_lines() if line.startswith("data:")]
    terminal = [frame for frame in frames if frame["kind"] in ("final", "error")]
    assert len(terminal) == 1 and frames[-1] is terminal[0], f"terminal frames: {terminal}"
    return frames


def seen(frames):
    return "".join(frame["delta"] for frame in frames if frame["kind"] == "message.delta")


def kept(frames):
    answer = client.get(f"/api/v1/conversations/{frames[0]['conversation_id']}")
    assert answer.status_code == 200, answer.text
    messages = answer.json()["messages"]
    return "".join(message["content"] for message in messages if message["role"] == "assistant")


def case(what, *behaviours, requests):
    """Runs a turn under these behaviours; gives its frames and what llmock thinks of us."""
    provider.state.reset()
    provider.state.scenarios.add(*behaviours, Reply(text=WORDS, times=None))
    frames = stream(what)
    records = provider.state.journal.records(wait=5)
    assert len(records) == requests, f"{what}: {len(records)} requests"
    findings = {finding.code for finding in judge(records).findings}
    print(f"ok: {what}; llmock finds {sorted(findings) or 'nothing'}")
    return frames, findings


def answered(what, *behaviours, requests):
    frames, findings = case(what, *behaviours, requests=requests)
    assert frames[-1]["kind"] == "final", frames[-1]
    assert frames[-1]["final"]["status"] == "completed"
    assert frames[-1]["final"]["response_text"] == WORDS == kept(frames)
    assert not findings, findings


def failed(what, *behaviours, code, partial, unavoidable=()):
    """The run fails once and for all. Findings that a client which keeps its word cannot avoid are named."""
    frames, findings = case(what, *behaviours, requests=1)
    assert frames[-1]["kind"] == "error", frames[-1]
    assert frames[-1]["error"]["code"] == code, frames[-1]
    assert kept(frames) == seen(frames)
    assert bool(seen(frames)) == partial, f"text before the failure: {seen(frames)!r}"
    assert WORDS.startswith(seen(frames)) and seen(frames) != WORDS
    assert findings <= set(unavoidable), findings
    before, conversation = kept(frames), frames[0]["conversation_id"]
    frames = stream("and now?", conversation)
    assert frames[-1]["kind"] == "final", frames[-1]
    assert frames[-1]["final"]["response_text"] == WORDS, frames[-1]
    assert kept(frames) == before + WORDS, kept(frames)


def coped(what, fault):
    """A broken call is refused, the model learns of it and answers after all."""
    call = Reply(tool_calls=(ToolCall("get_current_time", {}),))
    frames, findings = case(what, call, fault, requests=2)
    assert frames[-1]["kind"] == "final", frames[-1]
    final = frames[-1]["final"]
    assert final["status"] == "completed" and final["usage"]["requests"] == 2, final
    assert final["response_text"] == WORDS == kept(frames), final
    ends = [frame["tool"]["status"] for frame in frames if frame["kind"] == "tool.status"]
    assert ends[-1:] == ["failed"], ends
    assert not findings, findings
    frames = stream("and now?", frames[0]["conversation_id"])
    assert frames[-1]["final"]["response_text"] == WORDS, frames[-1]


def counted(requests):
    """What was used is told within seconds; no call of a tool was ever made."""
    for _ in range(100):
        items = client.get("/api/v1/usage", params={"granularity": "month"}).json()["items"]
        seen = sum(item["requests"] for item in items)
        if seen >= requests:
            break
        time.sleep(0.1)
    assert seen == requests, f"{seen} turns of the model are counted, not {requests}"
    assert sum(item["tool_calls"] for item in items) == 0, items
    assert sum(item["output_tokens"] for item in items) > 0, items
    print(f"ok: {requests} turns of the model are counted")


with provider:
    login()
    answered("a turn is streamed", requests=1)
    answered("two 429 are waited for", Fail(429, retry_after=1, times=2), requests=3)
    answered("a 503 is asked again", Fail(503), requests=2)
    failed("a 401 is final", Fail(401), code="model_refused", partial=False)
    # llmock counts a stream as accepted unless it is asked for again, which after text would say the same twice.
    failed(
        "a stream that ends cleanly without its end mark is no answer",
        StreamFault("truncate", after_chunks=8),
        code="model_stream_broken",
        partial=True,
        unavoidable=["truncated_stream_accepted"],
    )
    failed(
        "a connection that drops in the middle is no answer",
        StreamFault("disconnect", after_chunks=8),
        code="model_stream_broken",
        partial=True,
        unavoidable=["gave_up"],
    )
    failed(
        "a chunk that is no JSON is no answer",
        StreamFault("malformed", after_chunks=8),
        code="model_stream_broken",
        partial=True,
        unavoidable=["malformed_chunk_ignored"],
    )
    failed(
        "a stream that stalls runs into the deadline",
        StreamFault("stall", after_chunks=8, stall_seconds=8),
        code="model_timeout",
        partial=True,
    )
    coped("a tool that nobody offered is not called", ToolFault("unknown_tool"))
    coped("a tool is not called with arguments that are no JSON", ToolFault("malformed_arguments"))
    # Three answers, two of them after retries; five failures, of which a model began all but the refused one, and what followed
    # each; two broken calls, in three turns of the model each.
    counted(3 + 4 + 5 + 6)
    # It waits for answers that nobody reads any more.
    os._exit(0)
