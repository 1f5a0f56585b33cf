//! What a run uses, counted as it happens.

use chancery_ambient::Timestamp;
use chancery_events::{Event, Used};
use chancery_ids::UserId;

use crate::Usage;

/// Counts for one run. Steps and calls are counted by the run itself, also over a wait, so that each use has one name.
#[derive(Debug)]
pub(crate) struct Meter {
    person: UserId,
    total: Usage,
    used: Vec<Used>,
    unstored: bool,
}

impl Meter {
    /// The meter of a run that begins, for the person whose turn it answers.
    pub(crate) fn new(person: UserId) -> Self {
        Self::resumed(person, Usage::default(), Vec::new())
    }

    /// The meter of a run that goes on. A checkpoint of an older program has totals and no list.
    pub(crate) const fn resumed(person: UserId, total: Usage, used: Vec<Used>) -> Self {
        Self {
            person,
            total,
            used,
            unstored: false,
        }
    }

    /// The model began to answer. Its tokens come at the end, if it tells them.
    pub(crate) fn model_began(&mut self, step: u32, at: Timestamp) {
        self.total.requests = self.total.requests.saturating_add(1);
        self.note(Used::at(step, 0, at));
    }

    /// The model told what its turn took.
    pub(crate) fn model_told(&mut self, step: u32, told: &Usage) {
        self.total.add(&Usage { requests: 0, ..*told });
        let mut turns = self.used.iter_mut().rev();
        if let Some(turn) = turns.find(|used| (used.step, used.call) == (step, 0)) {
            turn.input_tokens = tokens(told.input_tokens);
            turn.output_tokens = tokens(told.output_tokens);
            turn.cached_input_tokens = tokens(told.cached_input_tokens);
            turn.reasoning_output_tokens = tokens(told.reasoning_output_tokens);
            self.unstored = true;
        }
    }

    /// The code of a tool is entered.
    pub(crate) fn tool_entered(&mut self, (step, call): (u32, u32), at: Timestamp) {
        self.note(Used::at(step, call, at));
    }

    /// Everything so far, together.
    pub(crate) const fn total(&self) -> Usage {
        self.total
    }

    /// Everything so far.
    pub(crate) fn used(&self) -> &[Used] {
        &self.used
    }

    /// The event, telling everything so far.
    pub(crate) fn told_in(&self, event: Event) -> Event {
        event.with_usage(self.person, &self.used)
    }

    /// Everything so far, when the store does not have all of it.
    pub(crate) fn unstored(&self) -> Option<Vec<Used>> {
        self.unstored.then(|| self.used.clone())
    }

    /// The store has all of it.
    pub(crate) const fn stored(&mut self) {
        self.unstored = false;
    }

    fn note(&mut self, used: Used) {
        self.used.push(used);
        self.unstored = true;
    }
}

impl Usage {
    /// The sum of what a run used.
    pub(crate) fn sum(used: &[Used]) -> Self {
        let mut total = Self::default();
        for used in used {
            total.add(&Self {
                input_tokens: used.input_tokens.into(),
                output_tokens: used.output_tokens.into(),
                cached_input_tokens: used.cached_input_tokens.into(),
                reasoning_output_tokens: used.reasoning_output_tokens.into(),
                requests: u64::from(used.call == 0),
            });
        }
        total
    }
}

/// What a provider tells is not trusted to be small.
fn tokens(told: u64) -> u32 {
    u32::try_from(told).map_or(Used::MOST_TOKENS, |told| told.min(Used::MOST_TOKENS))
}

#[cfg(test)]
mod tests {
    use chancery_ambient::{Ambient, Timestamp};
    use chancery_events::Used;

    use super::Meter;
    use crate::Usage;

    fn meter() -> Meter {
        Meter::new(Ambient::system().new_id())
    }

    #[test]
    fn the_list_adds_up_to_the_total() {
        let mut meter = meter();
        for step in 1..=3 {
            meter.model_began(step, Timestamp::EPOCH);
            let told = Usage {
                input_tokens: u64::from(step) * 100,
                output_tokens: 7,
                cached_input_tokens: 5,
                reasoning_output_tokens: 2,
                requests: 1,
            };
            meter.model_told(step, &told);
            meter.tool_entered((step, 1), Timestamp::EPOCH);
        }
        assert_eq!(Usage::sum(meter.used()), meter.total());
        assert_eq!((meter.total().requests, meter.total().input_tokens), (3, 600));
    }

    #[test]
    fn a_count_that_no_model_has_is_cut() {
        let mut meter = meter();
        meter.model_began(1, Timestamp::EPOCH);
        let told = Usage {
            input_tokens: u64::MAX,
            ..Usage::default()
        };
        meter.model_told(1, &told);
        assert_eq!(meter.used()[0].input_tokens, Used::MOST_TOKENS);
    }

    #[test]
    fn the_list_is_stored_when_it_has_changed() {
        let mut meter = meter();
        assert_eq!(meter.unstored(), None);
        meter.model_began(1, Timestamp::EPOCH);
        assert_eq!(meter.unstored().unwrap().len(), 1);
        meter.stored();
        assert_eq!(meter.unstored(), None);
    }
}
