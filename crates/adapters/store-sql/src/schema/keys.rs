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
