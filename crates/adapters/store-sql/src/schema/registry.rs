//! Apps.

use crate::schema::accounts::tenants;

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::codec::{Instant, Json, Uuid};

    apps (id) {
        id -> Text,
        tenant_id -> Uuid,
        name -> Text,
        scopes -> Text,
        auth_method -> Text,
        secret_digest -> Nullable<Binary>,
        jwks -> Nullable<Json>,
        token_epoch -> BigInt,
        created_by -> Text,
        created_at -> Instant,
        removed_at -> Nullable<Instant>,
    }
}

diesel::joinable!(apps -> tenants (tenant_id));
diesel::allow_tables_to_appear_in_same_query!(apps, tenants);
