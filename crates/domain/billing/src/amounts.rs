//! How much was used.

use std::{iter::Sum, ops::Add};

use chancery_events::Used;

/// Amounts of everything that is counted. They add up, and stay at the greatest number instead of passing it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Tokens read by models.
    pub input_tokens: u64,
    /// Tokens written by models.
    pub output_tokens: u64,
    /// Of those read, from the provider's cache.
    pub cached_input_tokens: u64,
    /// Of those written, for reasoning.
    pub reasoning_output_tokens: u64,
    /// Turns of models.
    pub requests: u64,
    /// Calls of tools.
    pub tool_calls: u64,
}

impl Amounts {
    /// The amounts of one use.
    #[must_use]
    pub fn of(used: &Used) -> Self {
        let is_turn = used.call == 0;
        Self {
            input_tokens: used.input_tokens.into(),
            output_tokens: used.output_tokens.into(),
            cached_input_tokens: used.cached_input_tokens.into(),
            reasoning_output_tokens: used.reasoning_output_tokens.into(),
            requests: is_turn.into(),
            tool_calls: (!is_turn).into(),
        }
    }
}

impl Add for Amounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cached_input_tokens: self.cached_input_tokens.saturating_add(other.cached_input_tokens),
            reasoning_output_tokens: self
                .reasoning_output_tokens
                .saturating_add(other.reasoning_output_tokens),
            requests: self.requests.saturating_add(other.requests),
            tool_calls: self.tool_calls.saturating_add(other.tool_calls),
        }
    }
}

impl Sum for Amounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}
