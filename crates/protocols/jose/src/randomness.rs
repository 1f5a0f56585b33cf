//! ring's own randomness.

use ring::rand::SystemRandom;

/// What ring's P-256 operations draw from. Their parameter is a sealed trait with this one implementation, so a caller
/// could pass nothing else; Ed25519 needs none, and its seeds come from the caller.
#[expect(
    clippy::disallowed_methods,
    reason = "ring's P-256 operations take no other source of randomness"
)]
pub(crate) fn system_random() -> SystemRandom {
    SystemRandom::new()
}
