//! What is not kept for ever.

use std::sync::atomic::AtomicU64;

use chancery_ambient::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Metrics;
use crate::retention::{Pass, PassEnd};

/// What is forgotten: one of the jobs' names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct What {
    what: &'static str,
}

/// The families of forgetting.
#[derive(Default)]
pub(super) struct RetentionMetrics {
    forgotten: Family<What, Counter>,
    complete: Family<What, Gauge<f64, AtomicU64>>,
}

impl RetentionMetrics {
    pub(super) fn in_registry(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "retention_forgotten",
            "Things that were too old to be kept and that this process forgot",
            metrics.forgotten.clone(),
        );
        registry.register(
            "retention_last_complete_pass_timestamp_seconds",
            "When this process last left nothing that is too old; one replica does this at a time, so the newest of all counts",
            metrics.complete.clone(),
        );
        metrics
    }
}

impl Metrics {
    /// Notes what was forgotten, and when nothing was left.
    pub(crate) fn observe_retention(&self, passes: &[Pass], now: Timestamp) {
        for pass in passes {
            let what = What { what: pass.what };
            let metrics = &self.retention;
            metrics.forgotten.get_or_create(&what).inc_by(pass.forgotten);
            if matches!(pass.end, PassEnd::Complete) {
                let seconds = now.since(Timestamp::EPOCH).as_secs_f64();
                metrics.complete.get_or_create(&what).set(seconds);
            }
        }
    }
}
