//! Column types that are native on Postgres and readable by eye on SQLite, under one `table!`.
//!
//! Rows and expressions hold the domain's own types in [`Stored`]. Names of states are plain `Text`.

use std::io::Write;

use chancery_ambient::{Fault, Timestamp};
use chancery_ids::{Kind, TypedId};
use chrono::{DateTime, Utc};
use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    query_builder::QueryId,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{BigInt, Binary, Jsonb, SqlType, Text, Timestamptz},
    sqlite::Sqlite,
};
use serde_json::Value;

/// `uuid`, or a `BLOB` of 16 bytes.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct Uuid;

/// `timestamptz`, or microseconds since 1970 in an `INTEGER`.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Instant;

/// `jsonb`, or `TEXT`.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 3802, array_oid = 3807))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Json;

/// A count or generation as a `BigInt` column keeps it.
pub(crate) fn big_int(count: u64) -> Result<i64, Fault> {
    i64::try_from(count).map_err(Fault::corrupt)
}

/// A count or generation out of a `BigInt` column.
pub(crate) fn count(big_int: i64) -> Result<u64, Fault> {
    u64::try_from(big_int).map_err(Fault::corrupt)
}

/// A digest or key of fixed length out of a `Binary` column.
pub(crate) fn fixed<const N: usize>(column: &'static str, bytes: &[u8]) -> Result<[u8; N], Fault> {
    <[u8; N]>::try_from(bytes)
        .map_err(|_| Fault::corrupt(format!("{column} has {} bytes, not {N}", bytes.len())))
}

/// The one of `all` that is called `name` in storage.
pub(crate) fn named<T: Copy>(
    column: &'static str,
    all: &[T],
    name_of: impl Fn(T) -> &'static str,
    name: &str,
) -> Result<T, Fault> {
    let found = all.iter().copied().find(|one| name_of(*one) == name);
    found.ok_or_else(|| Fault::corrupt(format!("{column} has the unknown name {name:?}")))
}

/// A domain type in a row or an expression: `Stored<RunId>` in a `Uuid` column, `Stored<Timestamp>` in an `Instant` column,
/// `Stored<Value>` in a `Json` column; an `Option` of it where the column is nullable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Uuid)]
#[diesel(sql_type = Instant)]
#[diesel(sql_type = Json)]
pub(crate) struct Stored<T: std::fmt::Debug>(pub(crate) T);

impl<K: Kind> ToSql<Uuid, Pg> for Stored<TypedId<K>> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_uuid().as_bytes())?;
        Ok(IsNull::No)
    }
}

impl<K: Kind> FromSql<Uuid, Pg> for Stored<TypedId<K>> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(TypedId::from_uuid(uuid::Uuid::from_slice(
            value.as_bytes(),
        )?)))
    }
}

impl ToSql<Instant, Pg> for Stored<Timestamp> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Timestamptz, Pg>::to_sql(&self.0.as_datetime(), &mut out.reborrow())
    }
}

impl FromSql<Instant, Pg> for Stored<Timestamp> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let time = <DateTime<Utc> as FromSql<Timestamptz, Pg>>::from_sql(value)?;
        Ok(Self(time.into()))
    }
}

impl ToSql<Json, Pg> for Stored<Value> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Jsonb, Pg>::to_sql(&self.0, out)
    }
}

impl FromSql<Json, Pg> for Stored<Value> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        FromSql::<Jsonb, Pg>::from_sql(value).map(Self)
    }
}

type SqliteValue<'a> = <Sqlite as Backend>::RawValue<'a>;

impl<K: Kind> ToSql<Uuid, Sqlite> for Stored<TypedId<K>> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_uuid().as_bytes().to_vec());
        Ok(IsNull::No)
    }
}

impl<K: Kind> FromSql<Uuid, Sqlite> for Stored<TypedId<K>> {
    fn from_sql(value: SqliteValue<'_>) -> deserialize::Result<Self> {
        let bytes: Vec<u8> = FromSql::<Binary, Sqlite>::from_sql(value)?;
        Ok(Self(TypedId::from_uuid(uuid::Uuid::from_slice(&bytes)?)))
    }
}

impl ToSql<Instant, Sqlite> for Stored<Timestamp> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.unix_micros());
        Ok(IsNull::No)
    }
}

impl FromSql<Instant, Sqlite> for Stored<Timestamp> {
    fn from_sql(value: SqliteValue<'_>) -> deserialize::Result<Self> {
        let micros: i64 = FromSql::<BigInt, Sqlite>::from_sql(value)?;
        let time = Timestamp::from_unix_micros(micros).ok_or("a time outside the calendar")?;
        Ok(Self(time))
    }
}

impl ToSql<Json, Sqlite> for Stored<Value> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}

impl FromSql<Json, Sqlite> for Stored<Value> {
    fn from_sql(value: SqliteValue<'_>) -> deserialize::Result<Self> {
        let text: String = FromSql::<Text, Sqlite>::from_sql(value)?;
        Ok(Self(serde_json::from_str(&text)?))
    }
}
