//! The one form of a point in time.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// A point in time, UTC, to the microsecond (what both databases keep). Written as RFC 3339 with `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "DateTime<Utc>")]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Self = Self(DateTime::UNIX_EPOCH);

    /// The end of the year 9999: later than anything that happens, and known to every database.
    pub const FAR_FUTURE: Self = match DateTime::from_timestamp(253_402_300_799, 0) {
        Some(time) => Self(time),
        None => Self::EPOCH,
    };

    /// From whole seconds since 1970 (`NumericDate` of RFC 7519); `None` outside the calendar.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        DateTime::from_timestamp(seconds, 0).map(Self)
    }

    /// From microseconds since 1970; `None` outside the calendar.
    #[must_use]
    pub fn from_unix_micros(micros: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(micros).map(Self)
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// Microseconds since 1970.
    #[must_use]
    pub fn unix_micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// Milliseconds since 1970; zero before.
    #[must_use]
    pub fn unix_millis(self) -> u64 {
        u64::try_from(self.0.timestamp_millis()).unwrap_or(0)
    }

    /// This moment without its fraction of a second, as token claims carry it.
    #[must_use]
    pub fn whole_seconds(self) -> Self {
        Self(self.0.trunc_subsecs(0))
    }

    /// As chrono's type, for libraries that want it.
    #[must_use]
    pub const fn as_datetime(self) -> DateTime<Utc> {
        self.0
    }

    /// Later by `duration`; stays at the calendar's end when it would pass it.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        TimeDelta::from_std(duration)
            .ok()
            .and_then(|delta| self.0.checked_add_signed(delta))
            .map_or(Self(DateTime::<Utc>::MAX_UTC), Self::from)
    }

    /// Earlier by `duration`; stays at the calendar's start when it would pass it.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        TimeDelta::from_std(duration)
            .ok()
            .and_then(|delta| self.0.checked_sub_signed(delta))
            .map_or(Self(DateTime::<Utc>::MIN_UTC), Self::from)
    }

    /// How long after `earlier` this is; zero when it is not after it, so that a clock that jumped back adds no age.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        (self.0 - earlier.0).to_std().unwrap_or(Duration::ZERO)
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.trunc_subsecs(6))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl FromStr for Timestamp {
    type Err = chrono::ParseError;

    /// Reads RFC 3339 with any offset.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text).map(|time| Self::from(time.with_timezone(&Utc)))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Timestamp;

    #[test]
    fn it_is_written_with_a_z_and_read_back() {
        let moment = Timestamp::from_unix_micros(1_700_000_000_123_456).unwrap();
        assert_eq!(moment.to_string(), "2023-11-14T22:13:20.123456Z");
        assert_eq!("2023-11-14T23:13:20.123456+01:00".parse(), Ok(moment));
    }

    #[test]
    fn a_clock_that_went_back_gives_no_negative_age() {
        let (earlier, later) = (Timestamp::EPOCH, Timestamp::EPOCH.plus(Duration::from_secs(5)));
        assert_eq!(earlier.since(later), Duration::ZERO);
        assert_eq!(later.since(earlier), Duration::from_secs(5));
    }

    #[test]
    fn adding_for_ever_stops_at_the_end_of_the_calendar() {
        assert!(Timestamp::EPOCH.plus(Duration::MAX) > Timestamp::EPOCH);
        assert!(Timestamp::EPOCH.minus(Duration::MAX) < Timestamp::EPOCH);
    }
}
