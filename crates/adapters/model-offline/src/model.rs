//! The model: what the rules decide, a word at a time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chancery_agents::{Model, ModelError, ModelEvent, ModelRequest, Usage};
use chancery_ambient::Clock;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::rules::{self, Turn};

/// A model of fixed rules that needs nothing from outside. Cannot fail.
pub struct OfflineModel {
    /// Between two words; `None` for no pause.
    pause: Option<Duration>,
    clock: Arc<dyn Clock>,
}

impl OfflineModel {
    /// A model that streams `words_per_second`, or as fast as it is read when that is zero.
    #[must_use]
    pub fn new(words_per_second: u32, clock: Arc<dyn Clock>) -> Self {
        Self {
            pause: Duration::from_secs(1).checked_div(words_per_second),
            clock,
        }
    }
}

#[async_trait]
impl Model for OfflineModel {
    fn name(&self, _wanted: &str) -> String {
        "offline".to_owned()
    }

    async fn begin(
        &self,
        request: ModelRequest,
    ) -> Result<BoxStream<'static, Result<ModelEvent, ModelError>>, ModelError> {
        let events = match rules::decide(&request) {
            Turn::Call(call) => vec![ModelEvent::ToolCall(call), finished()],
            Turn::Say(text) => {
                let words = text.split_inclusive(char::is_whitespace);
                words
                    .map(|word| ModelEvent::TextDelta(word.to_owned()))
                    .chain([finished()])
                    .collect()
            }
        };
        let (pause, clock) = (self.pause, self.clock.clone());
        let paced = stream::iter(events.into_iter().enumerate()).then(move |(place, event)| {
            let follows_a_word = place > 0 && matches!(event, ModelEvent::TextDelta(_));
            let wait = pause.filter(|_| follows_a_word).map(|pause| clock.sleep(pause));
            async move {
                if let Some(wait) = wait {
                    wait.await;
                }
                Ok(event)
            }
        });
        Ok(paced.boxed())
    }
}

/// One turn, and no tokens: there are none here to count.
fn finished() -> ModelEvent {
    ModelEvent::Finished(Usage {
        requests: 1,
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use chancery_agents::{Model, ModelEvent, ModelInput, ModelRequest, Usage};
    use chancery_ambient::{ManualClock, Timestamp};
    use futures::{StreamExt, TryStreamExt, poll};

    use super::OfflineModel;

    fn request(message: &str) -> ModelRequest {
        ModelRequest {
            model: "gpt".to_owned(),
            instructions: String::new(),
            input: vec![ModelInput::User(message.to_owned())],
            tools: Vec::new(),
        }
    }

    fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::at(Timestamp::EPOCH))
    }

    #[tokio::test]
    async fn words_come_at_the_pace_of_the_clock() {
        let clock = clock();
        let model = OfflineModel::new(20, clock.clone());
        let mut answer = model.begin(request("repeat after me: one two")).await.unwrap();
        let first = answer.next().await.unwrap().unwrap();
        assert_eq!(first, ModelEvent::TextDelta("one ".to_owned()));
        let mut second = answer.next();
        assert!(poll!(&mut second).is_pending());
        clock.advance(Duration::from_millis(49));
        assert!(poll!(&mut second).is_pending());
        clock.advance(Duration::from_millis(1));
        assert!(poll!(&mut second).is_ready());
    }

    #[tokio::test]
    async fn without_a_pace_nothing_waits_and_the_pieces_make_the_text() {
        let model = OfflineModel::new(0, clock());
        let text: Vec<String> = (1..=100).map(|number| number.to_string()).collect();
        let text = text.join(" ");
        let answer = model.begin(request(&format!("repeat after me: {text}"))).await;
        let mut events: Vec<ModelEvent> = answer.unwrap().try_collect().await.unwrap();
        let end = ModelEvent::Finished(Usage {
            requests: 1,
            ..Usage::default()
        });
        assert_eq!(events.pop(), Some(end));
        assert!(events.len() > 100, "{} pieces", events.len());
        let said: String = events
            .into_iter()
            .map(|event| {
                let ModelEvent::TextDelta(delta) = event else {
                    panic!("{event:?} is no text");
                };
                delta
            })
            .collect();
        assert!(said.starts_with(&text), "{said}");
    }

    #[test]
    fn it_is_called_offline_whatever_an_agent_asks_for() {
        assert_eq!(OfflineModel::new(20, clock()).name("gpt-9"), "offline");
    }
}
