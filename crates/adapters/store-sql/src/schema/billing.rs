//! What was used.

diesel::table! {
    use diesel::sql_types::{Integer, SmallInt};
    use crate::codec::Uuid;

    usage_records (tenant_id, run_id, step, call) {
        tenant_id -> Uuid,
        run_id -> Uuid,
        step -> SmallInt,
        call -> SmallInt,
        day -> Integer,
        input_tokens -> Integer,
        output_tokens -> Integer,
        cached_input_tokens -> Integer,
        reasoning_output_tokens -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer};
    use crate::codec::Uuid;

    usage_days (tenant_id, person_id, day) {
        tenant_id -> Uuid,
        person_id -> Uuid,
        day -> Integer,
        input_tokens -> BigInt,
        output_tokens -> BigInt,
        cached_input_tokens -> BigInt,
        reasoning_output_tokens -> BigInt,
        requests -> BigInt,
        tool_calls -> BigInt,
    }
}
