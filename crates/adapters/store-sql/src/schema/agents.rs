//! Runs and their log.

use super::conversations::conversations;

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::codec::{Instant, Json, Uuid};

    runs (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        owner_id -> Uuid,
        conversation_id -> Uuid,
        conversation_key -> Text,
        user_position -> BigInt,
        entry_agent -> Text,
        active_agent -> Text,
        status -> Text,
        epoch -> BigInt,
        lease_until -> Instant,
        ids_until -> BigInt,
        cancel_requested -> Bool,
        usage -> Nullable<Json>,
        started_at -> Instant,
        ended_at -> Nullable<Instant>,
        approval_id -> Nullable<Uuid>,
        used -> Nullable<Json>,
        log_forgotten -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Json as JsonText};
    use crate::codec::Uuid;

    run_log (tenant_id, run_id, last_id) {
        tenant_id -> Uuid,
        run_id -> Uuid,
        last_id -> BigInt,
        events -> JsonText,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::codec::{Instant, Uuid};

    approvals (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        owner_id -> Uuid,
        run_id -> Uuid,
        conversation_key -> Text,
        agent -> Text,
        tool -> Text,
        call_id -> Text,
        arguments -> Text,
        state -> Text,
        asked_at -> Instant,
        expires_at -> Instant,
        settled_at -> Nullable<Instant>,
        reason -> Nullable<Text>,
        checkpoint -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use crate::codec::{Instant, Uuid};

    idempotency_keys (tenant_id, principal, route, key) {
        tenant_id -> Uuid,
        principal -> Text,
        route -> Text,
        key -> Text,
        request_digest -> Binary,
        result_id -> Uuid,
        created_at -> Instant,
    }
}

diesel::allow_tables_to_appear_in_same_query!(runs, run_log, approvals, conversations);
