//! What goes wrong with Vault, and who mends it. No text here holds the token or what a secret holds.

use chancery_ambient::Fault;
use chancery_auth_keys::StoredSetError;

/// Why Vault was no help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// No connection could be made: nothing happened.
    #[error("Vault cannot be reached at {address} (VAULT_ADDR): {why}")]
    Unreachable {
        /// Scheme, host and port.
        address: String,
        /// What the connection failed of.
        why: String,
    },
    /// No answer in time.
    #[error("Vault did not answer within 2 seconds")]
    TimedOut,
    /// The connection broke before the answer was whole.
    #[error("Vault's answer broke off: {why}")]
    BrokenOff {
        /// What the connection failed of.
        why: String,
    },
    /// Larger than anything we ask for.
    #[error("Vault's answer is larger than it may be")]
    TooLarge,
    /// Something else than Vault may have answered.
    #[error("the answer for {path} is not what Vault answers: is VAULT_ADDR right?")]
    Malformed {
        /// What was asked for.
        path: String,
    },
    /// Nobody made it ready for use yet.
    #[error("Vault is not initialised: run `vault operator init`")]
    NotInitialised,
    /// It has to be opened by those who hold its unseal keys.
    #[error("Vault is sealed: run `vault operator unseal`")]
    Sealed,
    /// Status 403. Vault does not say which of the two it is.
    #[error(
        "Vault refuses the token for {path}: VAULT_TOKEN is unknown or expired, or no policy of it allows this"
    )]
    Forbidden {
        /// What was asked for.
        path: String,
    },
    /// Nothing answers for that path.
    #[error("Vault has no secrets engine mounted for {path}: enable it, or correct the path")]
    NothingMounted {
        /// What was asked for.
        path: String,
    },
    /// The engine compares no versions.
    #[error("the secrets engine at {mount} is not KV version 2: run `vault kv enable-versioning {mount}`")]
    NotVersioned {
        /// Where it is mounted.
        mount: String,
    },
    /// Transit has no key of that name.
    #[error(
        "Vault's Transit engine has no key `{key}` that can verify: run `vault write -f transit/keys/{key} type=ed25519`"
    )]
    NoSuchKey {
        /// Its name.
        key: String,
    },
    /// Any other refusal.
    #[error("Vault answered for {path} with status {status}: {said}")]
    Refused {
        /// What was asked for.
        path: String,
        /// HTTP's.
        status: u16,
        /// Vault's own words, shortened.
        said: String,
    },
    /// The newest version was taken away, which nobody of ours does.
    #[error(
        "version {version} of {path}, the newest, was deleted: undelete it, or remove the secret with its metadata"
    )]
    Deleted {
        /// The secret.
        path: String,
        /// The one that is gone.
        version: u64,
    },
    /// The secret is not one that we wrote.
    #[error("{path} has no text called `value`")]
    NoValue {
        /// The secret.
        path: String,
    },
    /// The set is damaged.
    #[error("{path}: {error}")]
    Damaged {
        /// The secret.
        path: String,
        /// What is wrong with the set.
        error: StoredSetError,
    },
    /// Too many wait for Transit.
    #[error("too many signatures are waiting for Vault")]
    Busy,
    /// It answered none of the last calls, and is left alone for a while.
    #[error("Vault did not answer the last calls and is left alone for 5 seconds")]
    Resting,
}

impl VaultError {
    /// Whether the request may have been carried out all the same.
    pub(crate) const fn leaves_it_unknown(&self) -> bool {
        matches!(
            self,
            Self::TimedOut
                | Self::BrokenOff { .. }
                | Self::TooLarge
                | Self::Malformed { .. }
                | Self::Sealed
                | Self::Refused { status: 500.., .. }
        )
    }

    /// Whether nobody at the other end could answer. A plain 500 is no such failure: one request may be its cause.
    pub(crate) const fn is_absence_of_vault(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TimedOut
                | Self::BrokenOff { .. }
                | Self::TooLarge
                | Self::Malformed { .. }
                | Self::NotInitialised
                | Self::Sealed
                | Self::Refused {
                    status: 502..=504,
                    ..
                }
        )
    }
}

impl From<VaultError> for Fault {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::TimedOut => Self::timed_out(error),
            VaultError::Deleted { .. }
            | VaultError::NoValue { .. }
            | VaultError::Damaged { .. }
            | VaultError::TooLarge => Self::corrupt(error),
            VaultError::Unreachable { .. }
            | VaultError::BrokenOff { .. }
            | VaultError::Malformed { .. }
            | VaultError::NotInitialised
            | VaultError::Sealed
            | VaultError::Forbidden { .. }
            | VaultError::NothingMounted { .. }
            | VaultError::NotVersioned { .. }
            | VaultError::NoSuchKey { .. }
            | VaultError::Refused { .. }
            | VaultError::Busy
            | VaultError::Resting => Self::unavailable(error),
        }
    }
}
