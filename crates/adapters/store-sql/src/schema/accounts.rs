//! Tenants, people and their memberships.

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::codec::{Instant, Uuid};

    tenants (id) {
        id -> Uuid,
        slug -> Text,
        name -> Text,
        state -> Text,
        token_epoch -> BigInt,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::codec::{Instant, Uuid};

    users (id) {
        id -> Uuid,
        email -> Text,
        email_canonical -> Text,
        email_verified_at -> Nullable<Instant>,
        password_hash -> Nullable<Text>,
        state -> Text,
        token_epoch -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
        platform_role -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::codec::{Instant, Uuid};

    memberships (tenant_id, user_id) {
        tenant_id -> Uuid,
        user_id -> Uuid,
        role -> Text,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::SmallInt;
    use crate::codec::{Instant, Uuid};

    first_owner (singleton) {
        singleton -> SmallInt,
        tenant_id -> Uuid,
        user_id -> Uuid,
        created_at -> Instant,
    }
}

diesel::joinable!(memberships -> tenants (tenant_id));
diesel::joinable!(memberships -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(tenants, users, memberships);

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use crate::codec::Instant;

    service_account_nonces (account, digest) {
        account -> Text,
        digest -> Binary,
        until -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};

    service_account_epochs (account) {
        account -> Text,
        token_epoch -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::codec::{Instant, Uuid};

    password_history (user_id, id) {
        user_id -> Uuid,
        id -> Uuid,
        password_hash -> Text,
        replaced_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, SmallInt, Text};
    use crate::codec::{Instant, Uuid};

    mailed_links (id) {
        id -> Uuid,
        kind -> Text,
        user_id -> Nullable<Uuid>,
        tenant_id -> Nullable<Uuid>,
        role -> Nullable<Text>,
        invited_by -> Nullable<Uuid>,
        email -> Text,
        email_canonical -> Text,
        created_at -> Instant,
        expires_at -> Instant,
        tries -> SmallInt,
        next_try_at -> Instant,
        sent_at -> Nullable<Instant>,
    }
}
