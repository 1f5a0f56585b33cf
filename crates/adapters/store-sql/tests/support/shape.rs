//! What a database looks like from inside: its tables, columns, keys and the words its checks know.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    Connection, QueryableByName, SqliteConnection, sql_query,
    sql_types::{Bool, Nullable, Text},
};

use super::postgres;

/// Tables by name, diesel's own left out.
pub(crate) type Shape = BTreeMap<String, Table>;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Table {
    /// Type and whether it may be null, by name.
    pub(crate) columns: BTreeMap<String, (String, bool)>,
    pub(crate) primary_key: Vec<String>,
    /// Columns of each unique key but the primary, in order of name, and whether it holds for some rows only.
    pub(crate) unique: BTreeSet<(Vec<String>, bool)>,
    /// Columns of each named index that keeps nothing unique.
    pub(crate) indexes: BTreeMap<String, Vec<String>>,
    /// Columns, the table they point to, and what happens when that row is deleted.
    pub(crate) foreign_keys: BTreeSet<(String, String, String)>,
    /// The quoted words in checks and defaults: names of states, above all.
    pub(crate) words: BTreeSet<String>,
}

#[derive(QueryableByName)]
struct TableRow {
    #[diesel(sql_type = Text)]
    name: String,
    /// Text that holds its checks and defaults.
    #[diesel(sql_type = Text)]
    checks: String,
}

#[derive(QueryableByName)]
struct ColumnRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

#[derive(QueryableByName)]
struct IndexRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    is_primary: bool,
    #[diesel(sql_type = Bool)]
    is_unique: bool,
    #[diesel(sql_type = Bool)]
    partial: bool,
    /// With commas between, in order.
    #[diesel(sql_type = Nullable<Text>)]
    columns: Option<String>,
}

#[derive(QueryableByName)]
struct ForeignKeyRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    columns: String,
    #[diesel(sql_type = Text)]
    target: String,
    #[diesel(sql_type = Text)]
    on_delete: String,
}

pub(crate) async fn of_postgres(url: &str) -> Shape {
    use diesel_async::RunQueryDsl;
    let mut conn = postgres::connect(url).await;
    let tables = sql_query(
        "SELECT c.relname::text AS name,
                concat_ws(' ',
                    (SELECT string_agg(pg_get_constraintdef(k.oid), ' ') FROM pg_constraint k
                     WHERE k.conrelid = c.oid AND k.contype = 'c'),
                    (SELECT string_agg(pg_get_expr(d.adbin, d.adrelid), ' ') FROM pg_attrdef d
                     JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                     WHERE d.adrelid = c.oid AND a.attgenerated = '')) AS checks
         FROM pg_class c
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition",
    );
    let columns = sql_query(
        "SELECT table_name::text, column_name::text AS name, udt_name::text AS kind, is_nullable = 'YES' AS nullable
         FROM information_schema.columns WHERE table_schema = 'public'",
    );
    let indexes = sql_query(
        "SELECT t.relname::text AS table_name, i.relname::text AS name, x.indisprimary AS is_primary,
                x.indisunique AS is_unique, x.indpred IS NOT NULL AS partial,
                (SELECT string_agg(a.attname::text, ',' ORDER BY k.place)
                 FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k (number, place)
                 JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
                 WHERE k.place <= x.indnkeyatts) AS columns
         FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
         WHERE t.relnamespace = 'public'::regnamespace",
    );
    let foreign_keys = sql_query(
        "SELECT t.relname::text AS table_name, f.relname::text AS target,
                (SELECT string_agg(a.attname::text, ',' ORDER BY k.place)
                 FROM unnest(c.conkey) WITH ORDINALITY AS k (number, place)
                 JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number) AS columns,
                CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'r' THEN 'RESTRICT'
                                   ELSE 'NO ACTION' END AS on_delete
         FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid
         WHERE c.contype = 'f' AND t.relnamespace = 'public'::regnamespace",
    );
    assemble(
        tables.load(&mut conn).await.unwrap(),
        columns.load(&mut conn).await.unwrap(),
        indexes.load(&mut conn).await.unwrap(),
        foreign_keys.load(&mut conn).await.unwrap(),
    )
}

pub(crate) fn of_sqlite(url: &str) -> Shape {
    use diesel::RunQueryDsl;
    let mut conn = SqliteConnection::establish(url.strip_prefix("sqlite:").unwrap()).unwrap();
    // Tables of full-text search and their shadows are neither of type `table`.
    let tables =
        "SELECT t.name, s.sql AS checks FROM pragma_table_list AS t JOIN sqlite_schema AS s USING (name)
                  WHERE t.schema = 'main' AND t.type = 'table'";
    let columns = format!(
        "SELECT t.name AS table_name, c.name, c.type AS kind, c.\"notnull\" = 0 AND c.pk = 0 AS nullable
         FROM ({tables}) AS t, pragma_table_xinfo(t.name) AS c"
    );
    let indexes = format!(
        "SELECT t.name AS table_name, i.name, i.origin = 'pk' AS is_primary, i.\"unique\" AS is_unique, i.partial,
                (SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) AS columns
         FROM ({tables}) AS t, pragma_index_list(t.name) AS i
         UNION ALL
         -- The key of a table with rowid that is its rowid has no index.
         SELECT t.name, 'rowid', 1, 1, 0, c.name FROM ({tables}) AS t, pragma_table_xinfo(t.name) AS c
         WHERE c.pk = 1 AND NOT EXISTS (SELECT 1 FROM pragma_index_list(t.name) WHERE origin = 'pk')"
    );
    let foreign_keys = format!(
        "SELECT table_name, target, on_delete, group_concat(column_name, ',') AS columns
         FROM (SELECT t.name AS table_name, f.id, f.\"table\" AS target, f.on_delete, f.\"from\" AS column_name
               FROM ({tables}) AS t, pragma_foreign_key_list(t.name) AS f ORDER BY t.name, f.id, f.seq)
         GROUP BY table_name, id"
    );
    assemble(
        sql_query(tables).load(&mut conn).unwrap(),
        sql_query(columns).load(&mut conn).unwrap(),
        sql_query(indexes).load(&mut conn).unwrap(),
        sql_query(foreign_keys).load(&mut conn).unwrap(),
    )
}

/// Tables that take a value of any type in any column.
pub(crate) fn lax_tables_of_sqlite(url: &str) -> Vec<String> {
    use diesel::RunQueryDsl;
    let mut conn = SqliteConnection::establish(url.strip_prefix("sqlite:").unwrap()).unwrap();
    let lax = sql_query(
        "SELECT name, '' AS checks FROM pragma_table_list
         WHERE schema = 'main' AND type = 'table' AND NOT strict AND substr(name, 1, 7) <> 'sqlite_'",
    );
    let rows: Vec<TableRow> = lax.load(&mut conn).unwrap();
    rows.into_iter()
        .map(|row| row.name)
        .filter(|name| is_ours(name))
        .collect()
}

fn assemble(
    tables: Vec<TableRow>,
    columns: Vec<ColumnRow>,
    indexes: Vec<IndexRow>,
    foreign_keys: Vec<ForeignKeyRow>,
) -> Shape {
    let mut shape = Shape::new();
    for row in tables.into_iter().filter(|row| is_ours(&row.name)) {
        let words = row
            .checks
            .split('\'')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        let table = Table {
            words,
            ..Table::default()
        };
        shape.insert(row.name, table);
    }
    for row in columns {
        if let Some(table) = shape.get_mut(&row.table_name) {
            table.columns.insert(row.name, (row.kind, row.nullable));
        }
    }
    for row in indexes {
        let Some(table) = shape.get_mut(&row.table_name) else {
            continue;
        };
        let mut columns: Vec<String> = row
            .columns
            .iter()
            .flat_map(|all| all.split(','))
            .map(str::to_owned)
            .collect();
        if row.is_primary {
            table.primary_key = columns;
        } else if row.is_unique {
            columns.sort();
            table.unique.insert((columns, row.partial));
        } else {
            table.indexes.insert(row.name, columns);
        }
    }
    for row in foreign_keys {
        if let Some(table) = shape.get_mut(&row.table_name) {
            table
                .foreign_keys
                .insert((row.columns, row.target, row.on_delete));
        }
    }
    shape
}

fn is_ours(table: &str) -> bool {
    table != "__diesel_schema_migrations" && !table.starts_with("sqlite_")
}
