//! Usage as clients read it.

use chancery_ambient::Timestamp;
use chancery_billing::Counter;
use chancery_ids::Page;
use serde::Serialize;
use utoipa::ToSchema;

/// What was used in a period.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UsageCounter {
    /// The first moment of the period.
    #[schema(value_type = String, format = DateTime)]
    period_start: Timestamp,
    /// The first moment after it.
    #[schema(value_type = String, format = DateTime)]
    period_end: Timestamp,
    /// How long it is: `day` or `month`.
    granularity: &'static str,
    /// Tokens that models read.
    input_tokens: u64,
    /// Tokens that models wrote.
    output_tokens: u64,
    /// Of those read, from the provider's cache.
    cached_input_tokens: u64,
    /// Of those written, for reasoning.
    reasoning_output_tokens: u64,
    /// Turns of models.
    requests: u64,
    /// Calls of tools that were made; hand-offs and refused calls are none.
    tool_calls: u64,
    /// Not counted: always 0.
    storage_bytes: u64,
}

impl From<Counter> for UsageCounter {
    fn from(counter: Counter) -> Self {
        let amounts = counter.amounts;
        Self {
            period_start: counter.start.start(),
            period_end: counter.granularity.end_of(counter.start).start(),
            granularity: counter.granularity.as_str(),
            input_tokens: amounts.input_tokens,
            output_tokens: amounts.output_tokens,
            cached_input_tokens: amounts.cached_input_tokens,
            reasoning_output_tokens: amounts.reasoning_output_tokens,
            requests: amounts.requests,
            tool_calls: amounts.tool_calls,
            storage_bytes: 0,
        }
    }
}

/// A page of counters.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UsageList {
    items: Vec<UsageCounter>,
    /// The cursor of the next page; null on the last.
    next_cursor: Option<String>,
}

impl From<Page<Counter>> for UsageList {
    fn from(page: Page<Counter>) -> Self {
        let page = page.map(UsageCounter::from);
        Self {
            items: page.items,
            next_cursor: page.next.map(|next| next.as_str().to_owned()),
        }
    }
}
