//! A server-sent event stream, read as a client reads it, with the invariants of `public_sse_v1` checked on the way.

use futures::StreamExt;
use reqwest::{Response, StatusCode};
use serde_json::Value;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The `id:` line.
    pub id: String,
    /// The `data:` line, as it stood.
    pub data: String,
    /// The same, parsed.
    pub event: Value,
}

impl Frame {
    /// The event's kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.event["kind"].as_str().unwrap()
    }
}

/// An open stream.
pub struct Frames {
    body: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    buffer: Vec<u8>,
    last: Option<Value>,
    ended: bool,
    farewell: Option<String>,
}

impl Frames {
    /// Follows an answer, which must be a stream.
    #[must_use]
    pub fn of(answer: Response) -> Self {
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(
            answer.headers()["content-type"]
                .to_str()
                .unwrap()
                .split(';')
                .next(),
            Some("text/event-stream")
        );
        Self {
            body: answer.bytes_stream().boxed(),
            buffer: Vec::new(),
            last: None,
            ended: false,
            farewell: None,
        }
    }

    /// The next event; `None` at the end of the stream, also when the server died.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if block.starts_with(b"event: stream_ended\n") {
                    let frame = parse(std::str::from_utf8(&block).unwrap()).unwrap();
                    self.farewell = Some(frame.event["code"].as_str().unwrap().to_owned());
                } else if let Some(frame) = parse(std::str::from_utf8(&block).unwrap()) {
                    self.check(&frame.event);
                    return Some(frame);
                }
            } else {
                let piece = self.body.next().await?.ok()?;
                self.buffer.extend_from_slice(&piece);
            }
        }
    }

    /// Why this reader's stream ended, when that is not the run's end.
    #[must_use]
    pub fn farewell(&self) -> Option<&str> {
        self.farewell.as_deref()
    }

    /// Every event to the end, which must be a terminal one.
    pub async fn rest(mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        assert!(self.ended, "the stream ended without a terminal event");
        frames
    }

    /// Exactly one terminal event, and it is last; ids rise; schema, stream and conversation stay the same.
    fn check(&mut self, event: &Value) {
        assert!(!self.ended, "an event after the terminal one: {event}");
        assert_eq!(event["schema"], "public_sse_v1");
        for member in [
            "response_id",
            "agent",
            "workflow",
            "scope",
            "provider_sequence_number",
            "notices",
        ] {
            assert!(event.get(member).is_some(), "{member} is missing: {event}");
        }
        if let Some(last) = &self.last {
            assert_eq!(event["stream_id"], last["stream_id"]);
            assert_eq!(event["conversation_id"], last["conversation_id"]);
            assert!(event["event_id"].as_u64().unwrap() > last["event_id"].as_u64().unwrap());
        }
        self.ended = matches!(event["kind"].as_str().unwrap(), "final" | "error");
        self.last = Some(event.clone());
    }
}

/// An event block; `None` for comments.
fn parse(block: &str) -> Option<Frame> {
    let field = |name: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(name).map(str::trim_start))
    };
    let data = field("data:")?.to_owned();
    let event = serde_json::from_str(&data).unwrap();
    Some(Frame {
        id: field("id:").unwrap_or_default().to_owned(),
        data,
        event,
    })
}
