//! People, tenants and the roles between them.

use chancery_access::TenantRole;
use chancery_ambient::Timestamp;
use chancery_ids::{TenantId, UserId};

use crate::{EmailAddress, PasswordHash};

/// A person as login finds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Who.
    pub user: UserId,
    /// The stored hash; `None` when the person has set no password yet.
    pub password: Option<PasswordHash>,
    /// Whether the person may log in.
    pub state: UserState,
    /// Whether the address was proved.
    pub email_verified: bool,
    /// Tenants the person belongs to, oldest membership first.
    pub memberships: Vec<Membership>,
}

/// A person's place in a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Which tenant.
    pub tenant: TenantId,
    /// As what.
    pub role: TenantRole,
    /// Whether the tenant is in use.
    pub tenant_state: TenantState,
}

/// A member of a tenant as they stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Which tenant.
    pub tenant: TenantId,
    /// The address.
    pub email: EmailAddress,
    /// Whether the address was proved.
    pub email_verified: bool,
    /// As what.
    pub role: TenantRole,
    /// Whether the person runs the platform, too.
    pub is_operator: bool,
    /// Whether the person may log in.
    pub state: UserState,
    /// Whether the tenant is in use.
    pub tenant_state: TenantState,
    /// `token_epoch` of the person: the least `sv` a token may carry.
    pub subject_epoch: u64,
    /// `token_epoch` of the tenant: the least `tv` a token may carry.
    pub tenant_epoch: u64,
}

/// Whether a person may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserState {
    /// Invited, not accepted.
    Pending,
    /// In use.
    Active,
    /// Closed.
    Disabled,
}

impl UserState {
    /// The name in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

/// Whether a tenant is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TenantState {
    /// In use.
    Active,
    /// Stopped for now.
    Suspended,
}

impl TenantState {
    /// Whether it is in use.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Active)
    }

    /// The name in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

/// The first tenant and its owner, whose address counts as verified.
#[derive(Debug, Clone)]
pub struct FirstOwner {
    /// The tenant's id.
    pub tenant: TenantId,
    /// The tenant's name in URLs, unique.
    pub tenant_slug: String,
    /// The tenant's name for people.
    pub tenant_name: String,
    /// The owner's id.
    pub user: UserId,
    /// The owner's address.
    pub email: EmailAddress,
    /// The owner's hash.
    pub password: PasswordHash,
    /// When.
    pub at: Timestamp,
}
