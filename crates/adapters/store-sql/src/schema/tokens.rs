//! Refresh families and revocations.

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::codec::{Instant, Uuid};

    refresh_families (sid) {
        sid -> Uuid,
        tenant_id -> Uuid,
        subject -> Text,
        client_id -> Text,
        scopes -> Text,
        binding -> Text,
        binding_digest -> Nullable<Binary>,
        generation -> BigInt,
        current_pepper_id -> Text,
        current_mac -> Binary,
        previous_pepper_id -> Nullable<Text>,
        previous_mac -> Nullable<Binary>,
        sealed -> Binary,
        signing_kid -> Text,
        created_at -> Instant,
        rotated_at -> Instant,
        expires_at -> Instant,
        ends_at -> Instant,
        ended_at -> Nullable<Instant>,
        end_reason -> Nullable<Text>,
        seen_network -> Nullable<Text>,
        seen_user_agent -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::codec::{Instant, Uuid};

    revocations (position, id) {
        position -> BigInt,
        id -> Uuid,
        kind -> Text,
        target -> Text,
        epoch -> Nullable<BigInt>,
        at -> Instant,
        expires_at -> Instant,
    }
}
