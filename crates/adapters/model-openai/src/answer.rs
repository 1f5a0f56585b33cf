//! From the bytes of an answer to the events of the port.

use std::{collections::VecDeque, pin::Pin};

use bytes::Bytes;
use chancery_agents::{ModelError, ModelEvent};
use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};

use crate::{bounds::Bounds, chat_completions, failure::broken, responses};

/// Reads the events of one API.
pub(crate) enum Reader {
    Responses(responses::Reader),
    ChatCompletions(chat_completions::Reader),
}

impl Reader {
    fn read(&mut self, data: &str, events: &mut VecDeque<ModelEvent>) -> Result<(), ModelError> {
        match self {
            Self::Responses(reader) => reader.read(data, events),
            Self::ChatCompletions(reader) => reader.read(data, events),
        }
    }
}

/// The events of an answer: all that came, then its end or the error that stands in its place.
pub(crate) fn events(
    bytes: impl Stream<Item = Result<Bytes, ModelError>> + Send + 'static,
    reader: Reader,
) -> BoxStream<'static, Result<ModelEvent, ModelError>> {
    let mut bounds = Bounds::default();
    let bounded = bytes.map(move |chunk| bounds.admit(chunk?));
    // The parser panics on a byte order mark at the very start. `Bounds` takes off the one that may be there; a blank
    // line first, which means nothing, makes the start harmless whatever follows.
    let start = stream::iter([Ok(Bytes::from_static(b"\n"))]);
    let answer = Answer {
        parsed: Box::pin(start.chain(bounded).eventsource()),
        reader,
        ready: VecDeque::new(),
        failed: None,
        over: false,
    };
    stream::unfold(answer, Answer::next).boxed()
}

type Parsed = Pin<Box<dyn Stream<Item = Result<Event, EventStreamError<ModelError>>> + Send>>;

struct Answer {
    parsed: Parsed,
    reader: Reader,
    ready: VecDeque<ModelEvent>,
    /// Told once everything that came before it is.
    failed: Option<ModelError>,
    over: bool,
}

impl Answer {
    async fn next(mut self) -> Option<(Result<ModelEvent, ModelError>, Self)> {
        loop {
            if self.over {
                return None;
            }
            if let Some(event) = self.ready.pop_front() {
                self.over = matches!(event, ModelEvent::Finished(_));
                return Some((Ok(event), self));
            }
            if let Some(error) = self.failed.take() {
                self.over = true;
                return Some((Err(error), self));
            }
            let read = match self.parsed.next().await {
                Some(Ok(event)) => self.reader.read(&event.data, &mut self.ready),
                Some(Err(EventStreamError::Transport(error))) => Err(error),
                Some(Err(EventStreamError::Utf8(_) | EventStreamError::Parser(_))) => {
                    Err(broken("the answer is no event stream"))
                }
                None => Err(broken("the answer ended without its end mark")),
            };
            self.failed = read.err();
        }
    }
}

#[cfg(test)]
mod tests;
