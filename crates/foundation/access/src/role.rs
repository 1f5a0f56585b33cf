//! Roles of people in a tenant, and the scopes they carry.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Scope, Scopes};

/// A person's role in a tenant. Ordered: each may do what those below it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantRole {
    /// Reads.
    Viewer,
    /// Reads and chats.
    Member,
    /// Runs the tenant.
    Admin,
    /// Runs the tenant and owns it.
    Owner,
}

impl TenantRole {
    /// Every role, lowest first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Member, Self::Admin, Self::Owner];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Whether who has this role may bring somebody into the tenant as `role`: who manages members, up to their own role.
    #[must_use]
    pub fn may_invite(self, role: Self) -> bool {
        self >= Self::Admin && role <= self
    }

    /// What a person of this role may be granted.
    #[must_use]
    pub fn scopes(self) -> Scopes {
        let mut scopes = vec![Scope::CONVERSATIONS_READ, Scope::TOOLS_READ];
        if self >= Self::Member {
            scopes.push(Scope::CONVERSATIONS_WRITE);
        }
        if self >= Self::Admin {
            scopes.extend([
                Scope::CONVERSATIONS_DELETE,
                Scope::WORKFLOWS_DELETE,
                Scope::BILLING_READ,
                Scope::BILLING_MANAGE,
                Scope::SUPPORT_READ,
                Scope::ACTIVITY_READ,
                Scope::MEMBERS_MANAGE,
                Scope::APPS_MANAGE,
                Scope::SERVICE_ACCOUNTS_MANAGE,
            ]);
        }
        scopes.into_iter().collect()
    }
}

impl fmt::Display for TenantRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No role has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of viewer, member, admin, owner")]
pub struct RoleError;

impl FromStr for TenantRole {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(RoleError)
    }
}

#[cfg(test)]
mod tests {
    use super::TenantRole;

    #[test]
    fn a_higher_role_keeps_every_scope_of_a_lower_one() {
        for pair in TenantRole::ALL.windows(2) {
            let (lower, higher) = (pair[0].scopes(), pair[1].scopes());
            assert_eq!(lower.within(&higher), lower);
        }
    }
}
