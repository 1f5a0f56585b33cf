//! What all tenants use together.

use chancery_billing::{Amounts, UsageWatch};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::Metrics;

/// Which way tokens go. Those of the cache and for reasoning are counted under `input` and `output` too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Direction {
    direction: &'static str,
}

/// The families of usage.
#[derive(Default)]
pub(super) struct UsageMetrics {
    tokens: Family<Direction, Counter>,
    requests: Counter,
    tool_calls: Counter,
}

impl UsageMetrics {
    pub(super) fn in_registry(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "chancery_usage_tokens",
            "Tokens counted by this process, by direction: input, output, and of those cached_input and reasoning_output",
            metrics.tokens.clone(),
        );
        registry.register(
            "chancery_usage_requests",
            "Turns of models counted by this process",
            metrics.requests.clone(),
        );
        registry.register(
            "chancery_usage_tool_calls",
            "Calls of tools counted by this process",
            metrics.tool_calls.clone(),
        );
        metrics
    }
}

impl UsageWatch for Metrics {
    fn counted(&self, amounts: &Amounts) {
        for (direction, tokens) in [
            ("input", amounts.input_tokens),
            ("output", amounts.output_tokens),
            ("cached_input", amounts.cached_input_tokens),
            ("reasoning_output", amounts.reasoning_output_tokens),
        ] {
            let tokens_of = self.usage.tokens.get_or_create(&Direction { direction });
            tokens_of.inc_by(tokens);
        }
        self.usage.requests.inc_by(amounts.requests);
        self.usage.tool_calls.inc_by(amounts.tool_calls);
    }
}
