//! What a run used, as its events tell it.

use chancery_ambient::{Fault, Timestamp};
use chancery_ids::{RunId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Event, EventKind};

const PERSON: &str = "person";
const USED: &str = "used";

/// One use of a run: a turn of its model, or a call of a tool in that turn. Within its run it is named by `step` and `call`,
/// which the server counts; nothing that a model or a client chose is in the name. Stored and sent: members are added, never
/// renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Which turn of the model, from 1.
    pub step: u32,
    /// Which call of a tool in that turn, from 1; 0 is the turn of the model itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub call: u32,
    /// When, to the second.
    pub at: Timestamp,
    /// Tokens read; none where the model does not tell. No count of tokens is above [`Used::MOST_TOKENS`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub input_tokens: u32,
    /// Tokens written.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output_tokens: u32,
    /// Of those read, from the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached_input_tokens: u32,
    /// Of those written, for reasoning.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reasoning_output_tokens: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Used {
    /// No turn of a model has more: a count above this is taken for this.
    pub const MOST_TOKENS: u32 = i32::MAX.unsigned_abs();

    /// A turn of the model, or a call, of which no more is known yet.
    #[must_use]
    pub fn at(step: u32, call: u32, at: Timestamp) -> Self {
        Self {
            step,
            call,
            at: at.whole_seconds(),
            input_tokens: 0,
            output_tokens: 0,
            cached_input_tokens: 0,
            reasoning_output_tokens: 0,
        }
    }
}

/// Everything a run had used when an event of it was announced. Later events of the run tell it again, with more. What a title took
/// is told by an event of its own, as a step behind those of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunUsage {
    /// The run, which is the event's subject.
    pub run: RunId,
    /// The person whose turn it answers.
    pub person: UserId,
    /// What it used.
    pub used: Vec<Used>,
}

impl RunUsage {
    /// What an event tells; `None` when it tells of no use.
    ///
    /// # Errors
    ///
    /// Corrupt when it tells of use in a way that is not known here.
    pub fn of(event: &Event) -> Result<Option<Self>, Fault> {
        let is_of_a_run = matches!(
            event.kind,
            EventKind::RunCompleted
                | EventKind::RunFailed
                | EventKind::RunCancelled
                | EventKind::RunPaused
                | EventKind::TitleAsked
        );
        let Some(used) = event.payload.get(USED).filter(|_| is_of_a_run) else {
            return Ok(None);
        };
        let person = event
            .payload
            .get(PERSON)
            .and_then(Value::as_str)
            .unwrap_or_default();
        Ok(Some(Self {
            run: event.subject.parse().map_err(Fault::corrupt)?,
            person: person.parse().map_err(Fault::corrupt)?,
            used: Vec::deserialize(used).map_err(Fault::corrupt)?,
        }))
    }
}

impl Event {
    /// The same event of a run, telling what the run has used.
    #[must_use]
    pub fn with_usage(self, person: UserId, used: &[Used]) -> Self {
        if used.is_empty() {
            return self;
        }
        // A struct of numbers and a time always is JSON.
        let used = serde_json::to_value(used).unwrap_or_default();
        self.with(PERSON, person.to_string()).with(USED, used)
    }
}

#[cfg(test)]
mod tests {
    use chancery_ambient::{Ambient, Timestamp};
    use chancery_ids::{RunId, UserId};
    use serde_json::json;

    use super::{Event, EventKind, RunUsage, Used};

    fn ended() -> (Event, RunId, UserId) {
        let ambient = Ambient::system();
        let (run, person): (RunId, UserId) = (ambient.new_id(), ambient.new_id());
        let event = Event::new(
            &ambient,
            ambient.new_id(),
            EventKind::RunCompleted,
            run.to_string(),
        );
        (event, run, person)
    }

    #[test]
    fn usage_is_stored_in_this_form_and_read_from_it() {
        let (event, run, person) = ended();
        let at = Timestamp::from_unix_seconds(1_700_000_000).unwrap();
        let asked = Used {
            input_tokens: 12,
            output_tokens: 3,
            ..Used::at(1, 0, at)
        };
        let used = vec![asked, Used::at(1, 2, at)];
        let told = event.with_usage(person, &used);
        let form = json!([
            {"step": 1, "at": "2023-11-14T22:13:20Z", "input_tokens": 12, "output_tokens": 3},
            {"step": 1, "call": 2, "at": "2023-11-14T22:13:20Z"},
        ]);
        assert_eq!(told.payload["used"], form);
        assert_eq!(RunUsage::of(&told).unwrap(), Some(RunUsage { run, person, used }));
    }

    #[test]
    fn an_event_without_use_tells_of_none() {
        let (event, _, person) = ended();
        let told = event.clone().with_usage(person, &[]);
        assert_eq!(told, event);
        assert_eq!(RunUsage::of(&told).unwrap(), None);
    }

    #[test]
    fn use_in_an_unknown_form_is_a_fault_and_members_of_a_newer_program_are_none() {
        let (event, _, person) = ended();
        let person = person.to_string();
        let newer = json!([{"step": 1, "at": "2023-11-14T22:13:20Z", "image_tokens": 7}]);
        let newer = event.clone().with("person", person.clone()).with("used", newer);
        assert_eq!(RunUsage::of(&newer).unwrap().unwrap().used.len(), 1);
        for broken in [
            json!("much"),
            json!([{"step": -1}]),
            json!([{"at": "2023-11-14T22:13:20Z"}]),
        ] {
            let told = event.clone().with("person", person.clone()).with("used", broken);
            assert!(RunUsage::of(&told).is_err(), "{told:?}");
        }
    }
}
