//! One ledger in all its views, and people who use something.
#![expect(clippy::unwrap_used, reason = "contract functions are assertions")]

use std::sync::Arc;

use chancery_ambient::{Ambient, Timestamp};
use chancery_events::{RunUsage, Used};
use chancery_ids::{TenantId, UserId};

use crate::{Amounts, Day, DayCounter, UsageMeter, UsageStore, UsageSystemStore, Whose};

/// Views of one storage with nothing in it.
pub struct Ledger {
    /// Counts.
    pub meter: Arc<dyn UsageMeter>,
    /// Reads.
    pub store: Arc<dyn UsageStore>,
    /// Forgets.
    pub system: Arc<dyn UsageSystemStore>,
}

/// The day of these tests.
pub(super) const TODAY: Day = Day(20_500);

/// A turn of a model, `hours` after the beginning of [`TODAY`].
pub(super) fn turn(step: u32, hours: i64) -> Used {
    Used {
        input_tokens: 100 * step,
        output_tokens: 10 * step,
        cached_input_tokens: 7,
        reasoning_output_tokens: 3,
        ..Used::at(step, 0, hour(hours))
    }
}

/// A call of a tool.
pub(super) fn call(step: u32, call: u32, hours: i64) -> Used {
    Used::at(step, call, hour(hours))
}

fn hour(hours: i64) -> Timestamp {
    Timestamp::from_unix_seconds(TODAY.start().unix_seconds() + hours * 3600).unwrap()
}

/// What these add up to.
pub(super) fn sum(used: &[Used]) -> Amounts {
    used.iter().map(Amounts::of).sum()
}

/// Somebody in a tenant of their own.
#[derive(Clone, Copy)]
pub(super) struct Somebody {
    pub(super) tenant: TenantId,
    pub(super) person: UserId,
}

impl Somebody {
    pub(super) fn new() -> Self {
        let ambient = Ambient::system();
        Self {
            tenant: ambient.new_id(),
            person: ambient.new_id(),
        }
    }

    pub(super) fn colleague(self) -> Self {
        Self {
            person: Ambient::system().new_id(),
            ..self
        }
    }

    /// A new run of theirs.
    pub(super) fn run(self, used: &[Used]) -> RunUsage {
        RunUsage {
            run: Ambient::system().new_id(),
            person: self.person,
            used: used.to_vec(),
        }
    }
}

impl Ledger {
    pub(super) async fn record(&self, who: Somebody, usage: &RunUsage) -> Amounts {
        self.meter.record(who.tenant, usage).await.unwrap()
    }

    /// Every day of a counter, newest first.
    pub(super) async fn days(&self, tenant: TenantId, whose: Whose) -> Vec<(i32, Amounts)> {
        let days = self
            .store
            .list_days(tenant, whose, Day::FIRST..Day::LAST, 1000)
            .await;
        let days = days.unwrap().into_iter();
        days.map(|DayCounter { day, amounts }| (day.0 - TODAY.0, amounts))
            .collect()
    }
}
