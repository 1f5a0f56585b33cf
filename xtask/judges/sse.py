"""PyPI httpx-sse against our streams: what it reads is what stands between our line ends."""

import json
import os

import httpx
from httpx_sse import connect_sse

url = os.environ["CHANCERY_URL"]
login = {"email": os.environ["CHANCERY_EMAIL"], "password": os.environ["CHANCERY_PASSWORD"]}
client = httpx.Client(base_url=f"{url}/api/v1", trust_env=False, timeout=30)
pair = client.post("/auth/token", json=login)
assert pair.status_code == 200, pair.text
client.headers["authorization"] = f"Bearer {pair.json()['access_token']}"


def read(method, path, most=None, **request):
    events = []
    with connect_sse(client, method, path, **request) as source:
        assert source.response.status_code == 200, path
        for event in source.iter_sse():
            assert event.event == "message" and event.retry is None, event
            events.append((event.id, event.data))
            if most is not None and len(events) >= most:
                break
    return events


def written(path):
    """The frames as they were written, without any rule of the format but the blank line."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    *blocks, rest = answer.content.split(b"\n\n")
    assert rest == b"", "the last frame is whole"
    frames = []
    for block in blocks:
        if block.startswith(b":"):
            continue
        identifier, data = block.split(b"\n")
        assert identifier.startswith(b"id: ") and data.startswith(b"data: "), block
        frames.append((identifier[4:].decode(), data[6:].decode()))
    return frames


def is_end(event):
    return json.loads(event[1])["kind"] in ("final", "error")


messages = {
    "plain": "repeat after me: one two three four five six seven eight nine ten",
    "odd": 'repeat after me: \u2028 \u2029 \u0085 \x0b \x0c \x1c data: id: 1.2 event: x :comment "q" \\n \r\n\r\n tôt 😀 end',
    "tool": "search for three",
    "handoff": "debug my rust code",
}
for name, message in messages.items():
    conversation = f"httpx-{name}"
    live = read("POST", "/chat/stream", json={"message": message, "conversation_id": conversation})
    run = live[0][0].split(".")[0]
    assert [event for event in live if is_end(event)] == [live[-1]], "one end, the last"
    for path in (f"/runs/{run}/stream", f"/conversations/{conversation}/ledger/stream"):
        assert written(path) == live, f"{path}: live"
        assert read("GET", path) == live, f"{path}: replayed"
        for cut in (0, 1, len(live) // 2, len(live) - 1):
            rest = read("GET", path, headers={"last-event-id": live[cut][0]})
            assert rest == live[cut + 1 :], f"{path}: after {live[cut][0]}"
    print(f"httpx-sse: {len(live)} events of {name}, live, replayed and resumed")

# One that is cut while it is written, and taken up again while it still is.
body = {"message": "repeat after me: " + "word " * 100, "conversation_id": "httpx-cut"}
joined = read("POST", "/chat/stream", 5, json=body)
run, cuts = joined[0][0].split(".")[0], 0
while not is_end(joined[-1]):
    more = read("GET", f"/runs/{run}/stream", 17, headers={"last-event-id": joined[-1][0]})
    assert more, "the stream goes on"
    joined, cuts = joined + more, cuts + 1
assert joined == written(f"/runs/{run}/stream")
assert cuts > 3, cuts
print(f"httpx-sse: a stream cut {cuts} times while it was written joins to the whole")
