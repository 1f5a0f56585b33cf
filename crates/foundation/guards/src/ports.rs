//! What the rest of the server asks of a guard.
//!
//! An implementation keeps its own time, because the clocks of replicas differ: Redis uses Redis', memory uses the
//! process's.

use std::time::Duration;

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};

use crate::{GuardKey, Take, Verdict};

/// Limits shared by every replica.
#[async_trait]
pub trait Quota: Send + Sync {
    /// Takes from several limits at once; several takes of one key add up.
    ///
    /// MUST take from all of them or, when one refuses, from none. MUST allow no more than the limit at once, however many
    /// callers. MUST let what was taken come back steadily over the window, not all at its end. MUST allow, after the
    /// wait it told, what it refused, if nobody took in between. MUST take nothing for a cost of 0. MUST keep keys
    /// apart.
    ///
    /// On a fault nothing is known; the caller decides whether that lets pass.
    async fn take(&self, takes: &[Take]) -> Result<Verdict, Fault>;
}

/// What may be accepted once: a signature, by its nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// What it is known by.
    pub key: GuardKey,
    /// When its maker says that it was made. A verifier that accepts what comes from the future gives this minus what it
    /// tolerates.
    pub created: Timestamp,
    /// From when on every verifier refuses it for its age.
    pub until: Timestamp,
}

/// What became of a claim. Only the first lets the caller go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The caller is the first.
    Claimed,
    /// Somebody was before.
    Replayed,
    /// Its time is over.
    Past,
    /// It is older than the guard's memory, so whether somebody was before is not known.
    Forgotten,
}

/// Accepts a thing once.
#[async_trait]
pub trait ReplayGuard: Send + Sync {
    /// Claims a mark.
    ///
    /// MUST let exactly one of several concurrent callers have it. MUST remember it until its `until`. MUST answer
    /// [`Claim::Past`] from then on. MUST answer [`Claim::Forgotten`] for what was created before
    /// [`Self::remembers_since`], judged in the same atomic step. MUST keep keys apart. On a fault the caller refuses.
    async fn claim(&self, mark: &Mark) -> Result<Claim, Fault>;

    /// The moment since which no mark was lost: the memory's beginning, its last flush or change of server. Asked at
    /// start, so that the memory begins before the first claim.
    ///
    /// MUST stand still as long as nothing is lost.
    async fn remembers_since(&self) -> Result<Timestamp, Fault>;
}

/// Counts within a time.
#[async_trait]
pub trait Tally: Send + Sync {
    /// Counts one more and gives how many there are now.
    ///
    /// MUST give concurrent callers different numbers, without gaps. MUST forget all of them `life` after the first, whatever
    /// was counted since: later ones do not extend it. MUST keep keys apart. MUST NOT leave a count that never ends, even
    /// when it is killed half-way.
    async fn count(&self, key: &GuardKey, life: Duration) -> Result<u64, Fault>;

    /// How many there are; 0 when none. MUST NOT count.
    async fn read(&self, key: &GuardKey) -> Result<u64, Fault>;

    /// Forgets them. MUST let the next count begin at 1 with a life of its own.
    async fn clear(&self, key: &GuardKey) -> Result<(), Fault>;
}

/// A place that somebody takes for a while.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat {
    /// Where: the seats of one key are counted together.
    pub key: GuardKey,
    /// Which, drawn before it is taken.
    pub id: u128,
}

/// Counts what goes on at the same time, over every replica.
#[async_trait]
pub trait Seats: Send + Sync {
    /// Takes a seat for `life`, where fewer than `limit` are taken. `false` when all are.
    ///
    /// MUST let no more than `limit` be taken at once, however many callers. MUST be safe to repeat: who has the seat gets it
    /// again. MUST let a seat lapse when its life is over, whoever took it. MUST keep keys apart.
    async fn take(&self, seat: &Seat, limit: u32, life: Duration) -> Result<bool, Fault>;

    /// Gives seats a new life, from now on.
    ///
    /// MUST count a seat again that had lapsed or was lost, whatever the limit: its holder has never left.
    async fn keep(&self, seats: &[Seat], life: Duration) -> Result<(), Fault>;

    /// Gives a seat back. MUST make room at once, and be harmless for a seat that nobody has.
    async fn give_back(&self, seat: &Seat) -> Result<(), Fault>;
}
