//! What a guard remembers something under.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_ids::TenantId;
use ring::digest::{SHA256, digest};

/// A key of a guard: the tenant, where there is one, then the scope (what is guarded, named by the code), then parts.
///
/// Different tenants, scopes and parts never give the same key: parts are escaped, and keys that would be longer than
/// [`GuardKey::LONGEST`] bytes carry the SHA-256 of their parts instead. Operators can read keys: what is personal or secret is
/// hashed with a secret before it becomes a part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuardKey(Arc<str>);

impl GuardKey {
    /// Bytes above which the parts are hashed.
    pub const LONGEST: usize = 160;

    /// A key of one tenant.
    #[must_use]
    pub fn of_tenant(tenant: TenantId, scope: &'static str, parts: &[&str]) -> Self {
        Self::build(&tenant.to_string(), scope, parts)
    }

    /// A key of what belongs to no tenant, or to one that is not known yet.
    #[must_use]
    pub fn without_tenant(scope: &'static str, parts: &[&str]) -> Self {
        Self::build("-", scope, parts)
    }

    /// The key as caches store it: printable ASCII.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn build(owner: &str, scope: &str, parts: &[&str]) -> Self {
        let mut key = format!("{owner}:");
        escape_into(&mut key, scope);
        let head = key.len();
        for part in parts {
            key.push(':');
            escape_into(&mut key, part);
        }
        if key.len() > Self::LONGEST {
            let hash = digest(&SHA256, key.as_bytes());
            key.truncate(head);
            // No escaped part holds a `#`.
            key.push_str(":#");
            key.push_str(&URL_SAFE_NO_PAD.encode(hash));
        }
        Self(key.into())
    }
}

impl fmt::Display for GuardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Percent-encodes what would make two lists of parts look alike, and what would not print.
fn escape_into(key: &mut String, part: &str) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@/+=".contains(&byte) {
            key.push(char::from(byte));
        } else {
            key.push('%');
            key.extend(HEX.get(usize::from(byte >> 4)));
            key.extend(HEX.get(usize::from(byte & 15)));
        }
    }
}

#[cfg(test)]
mod tests {
    use chancery_ids::TenantId;

    use super::GuardKey;

    fn key(parts: &[&str]) -> GuardKey {
        GuardKey::without_tenant("login", parts)
    }

    #[test]
    fn the_tenant_comes_first() {
        let tenant: TenantId = "018f3f66-5f0b-7cc0-8000-000000000001".parse().unwrap();
        assert_eq!(
            GuardKey::of_tenant(tenant, "chat", &["user 1"]).as_str(),
            "018f3f66-5f0b-7cc0-8000-000000000001:chat:user%201"
        );
        assert_eq!(key(&["192.0.2.0/24"]).as_str(), "-:login:192.0.2.0/24");
    }

    #[test]
    fn different_parts_never_give_the_same_key() {
        let lists: [&[&str]; 8] = [
            &[],
            &[""],
            &["", ""],
            &["a:b"],
            &["a", "b"],
            &["a%3Ab"],
            &["#a"],
            &["%23a"],
        ];
        for (place, one) in lists.iter().enumerate() {
            for other in &lists[place + 1..] {
                assert_ne!(key(one), key(other));
            }
        }
    }

    #[test]
    fn long_parts_are_hashed_and_stay_apart() {
        let (one, other) = ("a".repeat(10_000), "a".repeat(10_001));
        assert!(key(&[&one]).as_str().len() <= GuardKey::LONGEST);
        assert!(key(&[&one]).as_str().starts_with("-:login:#"));
        assert_ne!(key(&[&one]), key(&[&other]));
        let hash = key(&[&one]).as_str().replace("-:login:", "");
        assert_ne!(key(&[&hash]), key(&[&one]), "a part cannot pretend to be a hash");
    }
}
