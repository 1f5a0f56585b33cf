//! What replicas take from each other.

diesel::table! {
    use diesel::sql_types::Text;
    use crate::codec::{Instant, Uuid};

    leases (name) {
        name -> Text,
        holder -> Uuid,
        until -> Instant,
    }
}
