//! Why people were refused, one enum a use case.

use std::time::Duration;

use chancery_access::{Denied, TenantRole};
use chancery_ambient::Fault;

use super::WeakPassword;
use crate::{EmailError, HashRefused};

/// Why a password stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum PasswordRefused {
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The current one is wrong.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The new one is too easy to guess, or was used before.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// The link is of no use.
    #[error(transparent)]
    Link(#[from] LinkRefused),
    /// There is no such person in the caller's tenant.
    #[error("no such member")]
    Absent,
    /// The other one's role is not below the caller's.
    #[error("the member's role is not below yours")]
    NotBelow,
    /// Too many tries, or too many passwords are being checked.
    #[error("too many tries")]
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },
    /// Something outside failed: nothing was changed, or the same request finds it done.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<PasswordCheck> for PasswordRefused {
    fn from(refused: PasswordCheck) -> Self {
        match refused {
            PasswordCheck::Weak(weak) => Self::Weak(weak),
            PasswordCheck::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<PasswordCheck> for InvitationRefused {
    fn from(refused: PasswordCheck) -> Self {
        match refused {
            PasswordCheck::Weak(weak) => Self::Weak(weak),
            PasswordCheck::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<HashRefused> for PasswordRefused {
    fn from(refused: HashRefused) -> Self {
        match refused {
            HashRefused::Busy => Self::TooMany {
                retry_after: crate::HashPool::RETRY_AFTER,
            },
            HashRefused::TooLong => Self::Weak(WeakPassword::Long),
            HashRefused::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// Why a chosen password is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum PasswordCheck {
    /// It is weak.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// The list of stolen passwords cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a link is of no use.
#[derive(Debug, thiserror::Error)]
pub enum LinkRefused {
    /// It was never made, used, taken back, replaced or has expired: which, is not told.
    #[error("the link is invalid or has expired")]
    Invalid,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why members were not shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum MembersRefused {
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such member in the caller's tenant.
    #[error("no such member")]
    Absent,
    /// Nobody changes who stands beside or above them, or gives a role above their own.
    #[error("only who stands above may do this")]
    NotBelow,
    /// The tenant would be without an owner.
    #[error("a tenant keeps at least one owner")]
    LastOwner,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why nobody was invited, or no invitation accepted.
#[derive(Debug, thiserror::Error)]
pub enum InvitationRefused {
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Mail could not reach this address.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// Nobody gives a role above their own.
    #[error("the role {0} is above yours")]
    RoleAbove(TenantRole),
    /// The person is a member already.
    #[error("this person is a member already")]
    MemberAlready,
    /// Too many invitations wait for this address.
    #[error("too many invitations wait for this address")]
    TooMany,
    /// The tenant has sent too many.
    #[error("too many invitations were sent")]
    Limited {
        /// When to try again.
        retry_after: Duration,
    },
    /// There is no such invitation in the caller's tenant.
    #[error("no such invitation")]
    Absent,
    /// The link is of no use.
    #[error(transparent)]
    Link(#[from] LinkRefused),
    /// Nobody has the address yet: a password has to be chosen.
    #[error("a password is needed")]
    PasswordNeeded,
    /// The chosen password.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// Too many passwords are being checked.
    #[error("too many passwords are being checked")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<HashRefused> for InvitationRefused {
    fn from(refused: HashRefused) -> Self {
        match refused {
            HashRefused::Busy => Self::Busy {
                retry_after: crate::HashPool::RETRY_AFTER,
            },
            HashRefused::TooLong => Self::Weak(WeakPassword::Long),
            HashRefused::Fault(fault) => Self::Fault(fault),
        }
    }
}
