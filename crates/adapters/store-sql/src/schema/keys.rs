//! Signing keys.

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Text};

    key_sets (name) {
        name -> Text,
        version -> BigInt,
        sealed -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Text};

    key_set_witnesses (name) {
        name -> Text,
        version -> BigInt,
        digest -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::codec::{Instant, Uuid};

    key_replicas (name, replica) {
        name -> Text,
        replica -> Uuid,
        kid -> Text,
        since -> Instant,
        seen_at -> Instant,
    }
}
