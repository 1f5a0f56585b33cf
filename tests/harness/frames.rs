//! A server-sent event stream, read as a client reads it, with the invariants of `public_sse_v1` checked on the way.

use futures::StreamExt;
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::Invariants;

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
    invariants: Invariants,
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
            invariants: Invariants::default(),
        }
    }

    /// The next event; `None` at the end of the stream, also when the server died.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let block = std::str::from_utf8(&block).unwrap();
                if let Some(frame) = self.invariants.block(block.trim_end_matches('\n')) {
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
        self.invariants.farewell()
    }

    /// Every event to the end, which must be a terminal one.
    pub async fn rest(mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        assert!(
            self.invariants.ended(),
            "the stream ended without a terminal event"
        );
        frames
    }
}
