//! Column types that are native on Postgres and readable by eye on SQLite, under one `table!`.
//!
//! Rows and expressions hold the domain's own types: a `Uuid` column takes any [`TypedId`], an `Instant` column a
//! [`Timestamp`], a `Json` column a [`Value`]; nullable columns take an `Option` of them. Names of states are plain `Text`.

use std::io::Write;

use chancery_ambient::{Fault, Timestamp};
use chancery_ids::{Kind, TypedId};
use chrono::{DateTime, Utc};
use diesel::{
    Queryable,
    backend::Backend,
    deserialize::{self, FromSql},
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
pub(crate) struct Uuid;

/// `timestamptz`, or microseconds since 1970 in an `INTEGER`.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub(crate) struct Instant;

/// `jsonb`, or `TEXT`.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 3802, array_oid = 3807))]
#[diesel(sqlite_type(name = "Text"))]
pub(crate) struct Json;

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
    <[u8; N]>::try_from(bytes).map_err(|_| Fault::corrupt(format!("{column} has {} bytes, not {N}", bytes.len())))
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

/// What a domain type becomes on its way into a statement. Diesel derives this on types of this crate alone, so the domain
/// types go through it.
#[derive(Debug, AsExpression)]
#[diesel(sql_type = Uuid)]
#[diesel(sql_type = Instant)]
#[diesel(sql_type = Json)]
pub(crate) struct Bind<T: std::fmt::Debug>(T);

impl<T, ST, DB> ToSql<ST, DB> for Bind<T>
where
    T: ToSql<ST, DB>,
    DB: Backend,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

/// Makes a domain type usable in rows and expressions of a column.
macro_rules! in_column {
    ($column:ty: [$($kind:ident)?] $domain:ty) => {
        impl<$($kind: Kind)?> AsExpression<$column> for $domain {
            type Expression = <Bind<Self> as AsExpression<$column>>::Expression;

            fn as_expression(self) -> Self::Expression {
                Bind(self).as_expression()
            }
        }

        impl<$($kind: Kind)?> AsExpression<$column> for &$domain {
            type Expression = <Bind<Self> as AsExpression<$column>>::Expression;

            fn as_expression(self) -> Self::Expression {
                Bind(self).as_expression()
            }
        }

        impl<$($kind: Kind,)? DB> Queryable<$column, DB> for $domain
        where
            DB: Backend,
            Self: FromSql<$column, DB>,
        {
            type Row = Self;

            fn build(row: Self) -> deserialize::Result<Self> {
                Ok(row)
            }
        }
    };
}
in_column!(Uuid: [K] TypedId<K>);
in_column!(Instant: [] Timestamp);
in_column!(Json: [] Value);

impl<K: Kind> ToSql<Uuid, Pg> for TypedId<K> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.as_uuid().as_bytes())?;
        Ok(IsNull::No)
    }
}

impl<K> FromSql<Uuid, Pg> for TypedId<K> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::from_uuid(uuid::Uuid::from_slice(value.as_bytes())?))
    }
}

impl ToSql<Instant, Pg> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Timestamptz, Pg>::to_sql(&self.as_datetime(), &mut out.reborrow())
    }
}

impl FromSql<Instant, Pg> for Timestamp {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <DateTime<Utc> as FromSql<Timestamptz, Pg>>::from_sql(value).map(Self::from)
    }
}

impl ToSql<Json, Pg> for Value {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Jsonb, Pg>::to_sql(self, out)
    }
}

impl FromSql<Json, Pg> for Value {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        FromSql::<Jsonb, Pg>::from_sql(value)
    }
}

type SqliteValue<'a> = <Sqlite as Backend>::RawValue<'a>;

impl<K: Kind> ToSql<Uuid, Sqlite> for TypedId<K> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.as_uuid().as_bytes().to_vec());
        Ok(IsNull::No)
    }
}

impl<K> FromSql<Uuid, Sqlite> for TypedId<K> {
    fn from_sql(value: SqliteValue<'_>) -> deserialize::Result<Self> {
        let bytes: Vec<u8> = FromSql::<Binary, Sqlite>::from_sql(value)?;
        Ok(Self::from_uuid(uuid::Uuid::from_slice(&bytes)?))
    }
}

impl ToSql<Instant, Sqlite> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.unix_micros());
        Ok(IsNull::No)
    }
}

impl FromSql<Instant, Sqlite> for Timestamp {
    fn from_sql(value: SqliteValue<'_>) -> deserialize::Result<Self> {
        let micros: i64 = FromSql::<BigInt, Sqlite>::from_sql(value)?;
        Self::from_unix_micros(micros).ok_or_else(|| "a time outside the calendar".into())
    }
}

impl ToSql<Json, Sqlite> for Value {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(self)?);
        Ok(IsNull::No)
    }
}

impl FromSql<Json, Sqlite> for Value {
    fn from_sql(value: SqliteValue<'_>) -> deserialize::Result<Self> {
        let text: String = FromSql::<Text, Sqlite>::from_sql(value)?;
        Ok(serde_json::from_str(&text)?)
    }
}
