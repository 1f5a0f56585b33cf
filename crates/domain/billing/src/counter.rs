//! What a period adds up to.

use chancery_ids::UserId;

use crate::{Amounts, Day};

/// Whose use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's in the tenant.
    Tenant,
    /// One person's in the tenant.
    Person(UserId),
}

/// What was used on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCounter {
    /// The day.
    pub day: Day,
    /// How much.
    pub amounts: Amounts,
}

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// A day, UTC.
    Day,
    /// A month of the calendar, UTC.
    Month,
}

impl Granularity {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The first day of the period that has `day` in it.
    #[must_use]
    pub fn start_of(self, day: Day) -> Day {
        match self {
            Self::Day => day,
            Self::Month => day.first_of_month(),
        }
    }

    /// The first day after the period that has `day` in it.
    #[must_use]
    pub fn end_of(self, day: Day) -> Day {
        match self {
            Self::Day => day.next(),
            Self::Month => day.first_of_next_month(),
        }
    }

    /// The most days of a period.
    pub(crate) const fn most_days(self) -> u16 {
        match self {
            Self::Day => 1,
            Self::Month => 31,
        }
    }
}

/// What was used in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The first day of the period.
    pub start: Day,
    /// How long it is.
    pub granularity: Granularity,
    /// How much.
    pub amounts: Amounts,
}

impl Counter {
    /// Counters of periods from those of days; both newest first.
    pub(crate) fn of_days(days: &[DayCounter], granularity: Granularity) -> Vec<Self> {
        let periods =
            days.chunk_by(|one, other| granularity.start_of(one.day) == granularity.start_of(other.day));
        let counter = |period: &[DayCounter]| {
            let first = period.first()?;
            Some(Self {
                start: granularity.start_of(first.day),
                granularity,
                amounts: period.iter().map(|day| day.amounts).sum(),
            })
        };
        periods.filter_map(counter).collect()
    }
}

/// Which counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageQuery {
    /// The caller's own use, instead of the whole tenant's.
    pub own: bool,
    /// How long the periods are.
    pub granularity: Granularity,
    /// From the period that has this day in it; from the first when absent.
    pub from: Option<Day>,
    /// To the period that has this day in it; to the last when absent.
    pub to: Option<Day>,
}
