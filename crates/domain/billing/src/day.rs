//! A day of the calendar.

use std::{fmt, str::FromStr};

use chancery_ambient::Timestamp;
use chrono::{Datelike, NaiveDate};

/// A day of the calendar, UTC, as the number of days since the beginning of 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// Before every day that is.
    pub const FIRST: Self = Self(i32::MIN);
    /// After every day that is.
    pub const LAST: Self = Self(i32::MAX);

    /// The day of a moment.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let days = at.unix_seconds().div_euclid(86_400);
        Self(i32::try_from(days).unwrap_or(i32::MAX))
    }

    /// Its first moment.
    #[must_use]
    pub fn start(self) -> Timestamp {
        let seconds = i64::from(self.0).saturating_mul(86_400);
        Timestamp::from_unix_seconds(seconds).unwrap_or(Timestamp::FAR_FUTURE)
    }

    /// The day after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// So many days before it.
    #[must_use]
    pub fn minus(self, days: u16) -> Self {
        Self(self.0.saturating_sub_unsigned(days.into()))
    }

    /// The first day of its month.
    #[must_use]
    pub fn first_of_month(self) -> Self {
        let date = self.start().as_datetime().date_naive();
        Self(self.0.saturating_sub_unsigned(date.day0()))
    }

    /// The first day of the month after its own.
    #[must_use]
    pub fn first_of_next_month(self) -> Self {
        // A month has at most 31 days, and two months have more.
        Self(self.first_of_month().0.saturating_add(31)).first_of_month()
    }
}

impl fmt::Display for Day {
    /// As RFC 3339 writes dates.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.start().as_datetime().date_naive())
    }
}

/// The text is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day is written YYYY-MM-DD")]
pub struct DayError;

impl FromStr for Day {
    type Err = DayError;

    /// Reads `YYYY-MM-DD`.
    fn from_str(text: &str) -> Result<Self, DayError> {
        let written = |text: &str| {
            text.len() == 10
                && text.bytes().enumerate().all(|(place, byte)| match place {
                    4 | 7 => byte == b'-',
                    _ => byte.is_ascii_digit(),
                })
        };
        if !written(text) {
            return Err(DayError);
        }
        let date: NaiveDate = text.parse().map_err(|_| DayError)?;
        let midnight = date.and_time(chrono::NaiveTime::MIN).and_utc();
        Ok(Self::of(midnight.into()))
    }
}

#[cfg(test)]
mod tests {
    use chancery_ambient::Timestamp;

    use super::{Day, DayError};

    #[test]
    fn a_day_ends_at_midnight_and_is_read_as_it_is_written() {
        let last: Timestamp = "2024-02-29T23:59:59.999999Z".parse().unwrap();
        let day = Day::of(last);
        assert_eq!(day.to_string(), "2024-02-29");
        assert_eq!("2024-02-29".parse(), Ok(day));
        assert_eq!(day.next().start().to_string(), "2024-03-01T00:00:00Z");
        assert_eq!(Day::of(day.next().start()), day.next());
        assert_eq!(Day::of("1969-12-31T23:00:00Z".parse().unwrap()), Day(-1));
    }

    #[test]
    fn text_that_is_no_day_is_refused() {
        for text in [
            "",
            "2024-02-30",
            "2024-2-1",
            "+2024-02-1",
            "2024-02-01T00:00:00Z",
            "20240201",
            "٢٠٢٤-٠٢",
        ] {
            assert_eq!(text.parse::<Day>(), Err(DayError), "{text}");
        }
    }

    #[test]
    fn every_day_of_eight_years_knows_its_month() {
        let mut day: Day = "2023-12-31".parse().unwrap();
        for _ in 0..8 * 366 {
            let (first, next) = (day.first_of_month(), day.first_of_next_month());
            assert!(first <= day && day < next, "{day}");
            assert!(
                first.to_string().ends_with("-01") && next.to_string().ends_with("-01"),
                "{day}"
            );
            assert_eq!(next.minus(1).first_of_month(), first, "{day}");
            day = day.next();
        }
    }
}
