use std::time::Duration;

use chancery_jose::Algorithm;

use crate::{KeySetName, KeySettings};

/// What a server without settings of its own has for `set`.
#[must_use]
pub const fn usual_settings(set: KeySetName) -> KeySettings {
    let (longest_life, algorithm) = match set {
        KeySetName::Api => (Duration::from_mins(15), Algorithm::EdDsa),
        KeySetName::Trust => (Duration::from_hours(30 * 24), Algorithm::Es256),
    };
    KeySettings {
        set,
        jwks_max_age: Duration::from_mins(5),
        longest_life,
        algorithm,
        rotation_overlap: Duration::from_hours(24),
        dual_signing: None,
    }
}
