//! Conversations and their messages.

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::codec::{Instant, Uuid};

    conversations (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        owner_id -> Uuid,
        key -> Text,
        display_name -> Nullable<Text>,
        agent_entrypoint -> Text,
        active_agent -> Text,
        message_count -> BigInt,
        last_message_preview -> Text,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::codec::{Instant, Uuid};

    messages (tenant_id, conversation_id, position) {
        tenant_id -> Uuid,
        conversation_id -> Uuid,
        position -> BigInt,
        id -> Uuid,
        owner_id -> Uuid,
        role -> Text,
        content -> Text,
        agent -> Nullable<Text>,
        run_id -> Uuid,
        status -> Text,
        created_at -> Instant,
    }
}
