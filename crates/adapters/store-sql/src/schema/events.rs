//! Events that wait for their consumers, and the record of those that happened.

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::codec::{Instant, Json, Uuid};

    outbox (position) {
        position -> BigInt,
        id -> Uuid,
        tenant_id -> Uuid,
        kind -> Text,
        subject -> Text,
        at -> Instant,
        payload -> Json,
        claimed_until -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::codec::{Instant, Json, Uuid};

    audit_events (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        subject -> Text,
        at -> Instant,
        payload -> Json,
        day -> Nullable<BigInt>,
        number -> Nullable<BigInt>,
        hash -> Nullable<Binary>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary};
    use crate::codec::Uuid;

    audit_tails (tenant_id) {
        tenant_id -> Uuid,
        day -> BigInt,
        number -> BigInt,
        head -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary};
    use crate::codec::Uuid;

    audit_days (tenant_id, day) {
        tenant_id -> Uuid,
        day -> BigInt,
        number -> BigInt,
        head -> Binary,
    }
}
