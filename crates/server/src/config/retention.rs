//! What is not kept for ever.

use std::time::Duration;

use super::Source;

/// How long each thing is kept; `None` for ever.
#[derive(Debug)]
pub(crate) struct Keep {
    /// `RUN_LOG_RETENTION_DAYS`: the events of a run, from its end on.
    pub run_logs: Option<Duration>,
    /// `CONVERSATION_RETENTION_DAYS`: a conversation, from its last change on.
    pub conversations: Option<Duration>,
    /// `SESSION_RETENTION_DAYS`: a session, from its end on.
    pub sessions: Option<Duration>,
    /// `USAGE_RETENTION_DAYS`: single records of use. The counters stay.
    pub usage_records: Option<Duration>,
}

impl Keep {
    pub(super) fn read(source: &mut Source) -> Self {
        let mut days = |name, default, least| match source.number(name, default, least..=3660) {
            0 => None,
            days => Some(Duration::from_hours(days.saturating_mul(24))),
        };
        Self {
            run_logs: days("RUN_LOG_RETENTION_DAYS", 180, 0),
            conversations: days("CONVERSATION_RETENTION_DAYS", 0, 0),
            sessions: days("SESSION_RETENTION_DAYS", 30, 0),
            // A use that is told again after it was forgotten would count again, so a few days are the least.
            usage_records: days("USAGE_RETENTION_DAYS", 400, 7),
        }
    }
}
