//! Who a token speaks for (`sub`, RFC 7519 section 4.1.2).

use std::{fmt, str::FromStr};

use chancery_ids::{AppId, UserId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The caller's identity, as `sub` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A person: `user:<uuid>`.
    Person(UserId),
    /// A service account: `service-account:<slug>`.
    ServiceAccount(String),
    /// An app, acting for itself: its id, `app_…` (RFC 9068 section 2.2 wants the `client_id` there).
    App(AppId),
}

impl Subject {
    /// The person, when it is one.
    #[must_use]
    pub const fn person(&self) -> Option<UserId> {
        match self {
            Self::Person(user) => Some(*user),
            Self::ServiceAccount(_) | Self::App(_) => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(user) => write!(f, "user:{user}"),
            Self::ServiceAccount(slug) => write!(f, "service-account:{slug}"),
            Self::App(app) => app.fmt(f),
        }
    }
}

/// The text names no subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a subject")]
pub struct SubjectError;

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        match text.split_once(':') {
            Some(("user", id)) => id.parse().map(Self::Person).map_err(|_| SubjectError),
            Some(("service-account", slug)) if is_slug(slug) => Ok(Self::ServiceAccount(slug.to_owned())),
            Some(_) => Err(SubjectError),
            None => text.parse().map(Self::App).map_err(|_| SubjectError),
        }
    }
}

fn is_slug(text: &str) -> bool {
    (3..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Subject;

    #[test]
    fn a_subject_is_read_as_it_was_written() {
        for text in [
            "user:018f3f66-5f0b-7cc0-8000-000000000001",
            "service-account:billing-worker",
            "app_00010203040506ff",
        ] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_bare_id_or_an_unknown_prefix_is_no_subject() {
        for text in [
            "018f3f66-5f0b-7cc0-8000-000000000001",
            "root:1",
            "service-account:A",
            "user:",
            "app:00010203040506ff",
        ] {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
    }
}
