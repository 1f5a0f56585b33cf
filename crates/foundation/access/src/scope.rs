//! Scopes (RFC 6749 section 3.3) and how they match.

use std::{borrow::Cow, collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One scope, `namespace:verb` or `namespace:*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Cow<'static, str>);

impl Scope {
    /// Read conversations of one's own.
    pub const CONVERSATIONS_READ: Self = Self(Cow::Borrowed("conversations:read"));
    /// Chat, and so write conversations.
    pub const CONVERSATIONS_WRITE: Self = Self(Cow::Borrowed("conversations:write"));
    /// Delete conversations of one's own.
    pub const CONVERSATIONS_DELETE: Self = Self(Cow::Borrowed("conversations:delete"));
    /// See agents and tools.
    pub const TOOLS_READ: Self = Self(Cow::Borrowed("tools:read"));
    /// See the plan, invoices and what was used.
    pub const BILLING_READ: Self = Self(Cow::Borrowed("billing:read"));
    /// Change the plan.
    pub const BILLING_MANAGE: Self = Self(Cow::Borrowed("billing:manage"));
    /// See what the tenant did.
    pub const ACTIVITY_READ: Self = Self(Cow::Borrowed("activity:read"));
    /// Delete stored workflow runs.
    pub const WORKFLOWS_DELETE: Self = Self(Cow::Borrowed("workflows:delete"));
    /// Look into any tenant, with a reason that is written down.
    pub const PLATFORM_OPERATOR: Self = Self(Cow::Borrowed("platform:operator"));
    /// Read what support reads.
    pub const SUPPORT_READ: Self = Self(Cow::Borrowed("support:read"));
    /// Invite, change and remove members.
    pub const MEMBERS_MANAGE: Self = Self(Cow::Borrowed("members:manage"));

    /// Register apps, change and remove them.
    pub const APPS_MANAGE: Self = Self(Cow::Borrowed("apps:manage"));
    /// Issue, list and revoke the tokens of service accounts.
    pub const SERVICE_ACCOUNTS_MANAGE: Self = Self(Cow::Borrowed("service-accounts:manage"));

    /// Checks a scope from outside: RFC 6749 scope-token characters, one colon, at most 64 bytes.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let is_part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
        };
        match text.split_once(':') {
            Some((namespace, verb))
                if text.len() <= 64 && is_part(namespace) && (verb == "*" || is_part(verb)) =>
            {
                Ok(Self(Cow::Owned(text.to_owned())))
            }
            _ => Err(ScopeError),
        }
    }

    /// The scope as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn covers(&self, wanted: &Self) -> bool {
        self == wanted
            || self.0.strip_suffix('*').is_some_and(|namespace| {
                wanted
                    .0
                    .strip_prefix(namespace)
                    .is_some_and(|verb| !verb.is_empty())
            })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope is written namespace:verb, in lower case")]
pub struct ScopeError;

/// A set of scopes, written space separated in alphabetical order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Whether `wanted` is in the set, itself or through `ns:*`.
    #[must_use]
    pub fn allows(&self, wanted: Scope) -> bool {
        self.0.iter().any(|held| held.covers(&wanted))
    }

    /// The scopes of `self` that `ceiling` allows too.
    #[must_use]
    pub fn within(&self, ceiling: &Self) -> Self {
        self.0
            .iter()
            .filter(|scope| ceiling.allows((*scope).clone()))
            .cloned()
            .collect()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl FromStr for Scopes {
    type Err = ScopeError;

    /// Reads the space separated form; the empty text is the empty set. At most 64 scopes.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let scopes: Self = text
            .split_ascii_whitespace()
            .map(Scope::parse)
            .collect::<Result<_, _>>()?;
        if scopes.0.len() > 64 {
            Err(ScopeError)
        } else {
            Ok(scopes)
        }
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, scope) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Scope, Scopes};

    fn scopes(text: &str) -> Scopes {
        text.parse().unwrap()
    }

    #[test]
    fn a_star_covers_its_own_namespace_and_no_other() {
        assert!(scopes("billing:*").allows(Scope::BILLING_READ));
        assert!(!scopes("billing:*").allows(Scope::TOOLS_READ));
    }

    #[test]
    fn the_support_star_passes_nothing_outside_support() {
        assert!(!scopes("support:*").allows(Scope::CONVERSATIONS_READ));
        assert!(scopes("support:*").allows(Scope::SUPPORT_READ));
    }

    #[test]
    fn narrowing_never_adds_a_scope() {
        let family = scopes("conversations:read tools:read");
        let live = scopes("conversations:read conversations:write");
        assert_eq!(live.within(&family), scopes("conversations:read"));
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        assert_eq!(
            scopes("tools:read  billing:read tools:read").to_string(),
            "billing:read tools:read"
        );
    }

    #[test]
    fn text_that_is_not_a_scope_is_refused() {
        for text in ["read", "a:b:c", "A:b", "*:*", "a:", "tools:re*"] {
            assert!(Scope::parse(text).is_err(), "{text}");
        }
    }
}
