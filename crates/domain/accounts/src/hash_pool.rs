//! The few threads that hash passwords, and the short queue before them.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use chancery_ambient::{Ambient, Fault, within};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::oneshot;

use crate::{
    PasswordHash, PasswordPeppers, Verdict,
    scheme::{MAX_PASSWORD_BYTES, SALT_BYTES, Scheme},
    workers::{Turn, Workers},
};

/// Hashes passwords on threads of its own, so that a wave of logins slows neither the async runtimes nor anything else.
///
/// Argon2id takes some 18 ms of a core and 19 MiB, on purpose; whoever can make the server do it can knock it out. So the
/// number of threads, of those who wait and the time they wait are bounded, and nothing random (API keys, refresh tokens)
/// is ever hashed here.
pub struct HashPool {
    workers: Workers,
    scheme: Arc<Scheme>,
    ambient: Ambient,
}

/// Where a request comes from, as far as waiting is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Familiarity {
    /// A device that has logged in before, or the server itself. A quarter of the waiting places is kept for these, so that
    /// a flood of strangers locks nobody out.
    Familiar,
    /// Anybody.
    Stranger,
}

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashRefused {
    /// Every waiting place is taken, or the wait was too long. Try again after [`HashPool::RETRY_AFTER`].
    #[error("too many passwords are being checked")]
    Busy,
    /// More than [`HashPool::MAX_PASSWORD_BYTES`] bytes. Only a new password is refused for it; a presented one is wrong.
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// The machine has no memory for it, or the pool is closing.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl HashPool {
    /// The longest password, in bytes.
    pub const MAX_PASSWORD_BYTES: usize = MAX_PASSWORD_BYTES;

    /// When to try again after [`HashRefused::Busy`].
    pub const RETRY_AFTER: Duration = Duration::from_secs(1);

    /// How long a request waits for its turn. One whose turn has come is finished, however slow the machine is.
    const LONGEST_WAIT: Duration = Duration::from_secs(1);

    /// One thread fewer than the machine has cores, at least one.
    #[must_use]
    pub fn usual_threads() -> NonZeroUsize {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        NonZeroUsize::new(cores - 1).unwrap_or(NonZeroUsize::MIN)
    }

    /// Starts the threads. Hashes once, for the stand-in that unknown people are compared with.
    pub fn start(peppers: PasswordPeppers, threads: NonZeroUsize, ambient: Ambient) -> Result<Self, Fault> {
        let scheme = Scheme::new(peppers, ambient.random()).map_err(Fault::unavailable)?;
        Ok(Self {
            workers: Workers::start("hash", threads).map_err(Fault::unavailable)?,
            scheme: Arc::new(scheme),
            ambient,
        })
    }

    /// Hashes a new password.
    pub async fn hash(
        &self,
        password: SecretString,
        familiarity: Familiarity,
    ) -> Result<PasswordHash, HashRefused> {
        if password.expose_secret().len() > MAX_PASSWORD_BYTES {
            return Err(HashRefused::TooLong);
        }
        let (scheme, salt) = (self.scheme.clone(), self.ambient.random::<SALT_BYTES>());
        let hashed = self.in_turn(familiarity, move || scheme.hash(&password, salt));
        Ok(hashed.await?.map_err(Fault::unavailable)?)
    }

    /// Compares a presented password with what is stored for the person; `None` when there is no such person or no hash,
    /// which takes the same time and is always wrong.
    pub async fn verify(
        &self,
        password: SecretString,
        stored: Option<PasswordHash>,
        familiarity: Familiarity,
    ) -> Result<Verdict, HashRefused> {
        let scheme = self.scheme.clone();
        self.in_turn(familiarity, move || scheme.verify(&password, stored.as_ref()))
            .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        familiarity: Familiarity,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashRefused> {
        let (answer, mut wait) = oneshot::channel();
        let turn = Turn::new();
        let reserved = familiarity == Familiarity::Familiar;
        self.workers
            .submit(reserved, &turn, move || {
                // The asker may be gone meanwhile.
                let _ = answer.send(work());
            })
            .map_err(|_| HashRefused::Busy)?;
        let answered = match within(&*self.ambient.clock, Self::LONGEST_WAIT, &mut wait).await {
            Ok(answered) => answered,
            Err(_) if turn.take() => return Err(HashRefused::Busy),
            Err(_) => wait.await,
        };
        Ok(answered.map_err(|_| Fault::unavailable("the thread that hashed gave no answer"))?)
    }
}

#[cfg(test)]
mod tests;
