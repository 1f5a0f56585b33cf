//! `NumericDate` (RFC 7519 section 2) of whole seconds, which is what we write; fractions are refused on reading.

use chancery_ambient::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de};

pub(crate) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.unix_seconds())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let seconds = i64::deserialize(deserializer)?;
    Timestamp::from_unix_seconds(seconds).ok_or_else(|| de::Error::custom("a time outside the calendar"))
}
