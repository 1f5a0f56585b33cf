//! The same schema in three places: both migrated databases, and diesel's tables in `src/schema/`.

use std::{collections::BTreeMap, fs, path::Path};

use crate::support::{
    fresh_postgres, fresh_sqlite,
    shape::{self, Shape, Table},
};

/// Indexes that one engine alone has, and why.
const INDEXES_OF_ONE_ENGINE: [(&str, &str); 2] = [
    (
        "ix_messages_search",
        "full text is an index on Postgres and a table on SQLite",
    ),
    (
        "ix_runs_with_log",
        "asked before a partition is dropped, and SQLite has none",
    ),
];

/// A column's type in `src/schema/`, on Postgres and on SQLite. Text search has columns of a type of its own on Postgres and
/// a virtual table on SQLite: neither is compared.
const TYPES: [(&str, &str, &str); 11] = [
    ("Uuid", "uuid", "BLOB"),
    ("Instant", "timestamptz", "INTEGER"),
    ("Json", "jsonb", "TEXT"),
    ("JsonText", "json", "TEXT"),
    ("Text", "text", "TEXT"),
    ("Bool", "bool", "INTEGER"),
    ("SmallInt", "int2", "INTEGER"),
    ("Integer", "int4", "INTEGER"),
    ("BigInt", "int8", "INTEGER"),
    ("Double", "float8", "REAL"),
    ("Binary", "bytea", "BLOB"),
];
const TEXT_SEARCH: &str = "tsvector";

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_and_the_typed_schema_are_one() {
    let typed = typed_schema();
    let (on_postgres, on_sqlite) = (postgres().await, sqlite().await);
    assert_eq!(
        names(&typed),
        names(&on_postgres),
        "tables of src/schema/ and Postgres"
    );
    assert_eq!(
        names(&typed),
        names(&on_sqlite),
        "tables of src/schema/ and SQLite"
    );
    for (name, table) in &typed {
        assert_eq!(
            with_types(table, |types| types.1),
            on_postgres[name].columns,
            "{name}: src/schema/ and Postgres"
        );
        assert_eq!(
            with_types(table, |types| types.2),
            on_sqlite[name].columns,
            "{name}: src/schema/ and SQLite"
        );
        assert_eq!(
            table.primary_key, on_postgres[name].primary_key,
            "{name}: src/schema/ and Postgres"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_keys_indexes_and_states() {
    let (on_postgres, on_sqlite) = (postgres().await, sqlite().await);
    for (name, postgres) in &on_postgres {
        let sqlite = &on_sqlite[name];
        assert_eq!(postgres.primary_key, sqlite.primary_key, "primary key of {name}");
        assert_eq!(postgres.unique, sqlite.unique, "unique keys of {name}");
        assert_eq!(
            postgres.foreign_keys, sqlite.foreign_keys,
            "foreign keys of {name}"
        );
        assert_eq!(postgres.words, sqlite.words, "words in the checks of {name}");
        assert_eq!(indexes(postgres), indexes(sqlite), "indexes of {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_on_sqlite_is_strict() {
    let fresh = fresh_sqlite().await;
    assert_eq!(shape::lax_tables_of_sqlite(fresh.url()), [""; 0]);
}

async fn postgres() -> Shape {
    let fresh = fresh_postgres().await;
    let mut shape = shape::of_postgres(fresh.url()).await;
    for table in shape.values_mut() {
        table.columns.retain(|_, (kind, _)| kind != TEXT_SEARCH);
    }
    shape
}

async fn sqlite() -> Shape {
    let fresh = fresh_sqlite().await;
    shape::of_sqlite(fresh.url())
}

fn names(shape: &Shape) -> Vec<&String> {
    shape.keys().collect()
}

fn indexes(table: &Table) -> BTreeMap<&String, &Vec<String>> {
    let is_shared = |name: &str| INDEXES_OF_ONE_ENGINE.iter().all(|(only, _)| *only != name);
    table.indexes.iter().filter(|(name, _)| is_shared(name)).collect()
}

/// The columns, with each type as one of the engines calls it.
fn with_types(
    table: &Table,
    of_engine: fn(&(&'static str, &'static str, &'static str)) -> &'static str,
) -> BTreeMap<String, (String, bool)> {
    let translate = |(name, (kind, nullable)): (&String, &(String, bool))| {
        let types = TYPES.iter().find(|types| types.0 == kind);
        let types =
            types.unwrap_or_else(|| panic!("{name} has the type {kind}, which one of the engines lacks"));
        (name.clone(), (of_engine(types).to_owned(), *nullable))
    };
    table.columns.iter().map(translate).collect()
}

/// Reads the `table!` macros: diesel keeps nothing of them that a program could ask for.
fn typed_schema() -> Shape {
    let mut shape = Shape::new();
    let folder = Path::new("src/schema");
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let mut table = None;
        for line in text.lines().map(str::trim) {
            if let Some((name, column_type)) = line.strip_suffix(',').and_then(|line| line.split_once(" -> "))
            {
                let (kind, nullable) = match column_type.strip_prefix("Nullable<") {
                    Some(inner) => (inner.trim_end_matches('>'), true),
                    None => (column_type, false),
                };
                let table: &String = table.as_ref().unwrap();
                let table: &mut Table = shape.get_mut(table).unwrap();
                table.columns.insert(name.to_owned(), (kind.to_owned(), nullable));
            } else if let Some((name, key)) = line.strip_suffix(") {").and_then(|line| line.split_once(" ("))
            {
                let primary_key = key.split(", ").map(str::to_owned).collect();
                shape.insert(
                    name.to_owned(),
                    Table {
                        primary_key,
                        ..Table::default()
                    },
                );
                table = Some(name.to_owned());
            }
        }
    }
    shape
}
