//! Both databases have the same migrations.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::tree::File;
use crate::migrate::ENGINES;

/// The two scripts of a migration.
const SCRIPTS: [&str; 2] = ["up.sql", "down.sql"];

/// The folders of the databases hold the same migrations, each with its way up and its way down, each with a number
/// of its own. While there is no folder at all there is nothing to compare.
pub(super) fn twins(files: &[File]) -> Vec<Finding> {
    let mut migrations: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for file in files {
        if let ["migrations", engine, name, script] = file.path.split('/').collect::<Vec<_>>().as_slice() {
            migrations
                .entry(*name)
                .or_default()
                .entry(*engine)
                .or_default()
                .insert(*script);
        }
    }
    let mut findings = Vec::new();
    for (name, engines) in &migrations {
        for engine in ENGINES {
            let Some(scripts) = engines.get(engine) else {
                findings.push(Finding::new(
                    format!("migrations/{engine}/{name}"),
                    "is missing, the other database has it",
                    "write the twin, if only to say why there is nothing to do",
                ));
                continue;
            };
            for script in SCRIPTS.iter().filter(|script| !scripts.contains(*script)) {
                findings.push(Finding::new(
                    format!("migrations/{engine}/{name}/{script}"),
                    "is missing",
                    "every migration goes up and down",
                ));
            }
        }
    }
    findings.extend(same_numbers(migrations.keys().copied()));
    findings
}

/// Two branches that each took the next number meet here, before a database runs one of them only.
fn same_numbers<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Finding> {
    let mut by_number: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in names {
        by_number
            .entry(name.split('_').next().unwrap_or(name))
            .or_default()
            .push(name);
    }
    by_number
        .into_iter()
        .filter(|(_, names)| names.len() > 1)
        .map(|(number, names)| {
            Finding::new(
                "migrations",
                format!("{} have the same number {number}", names.join(" and ")),
                "give the newer one the next number",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::samples::file;
    use super::*;

    fn migration(engine: &str, name: &str) -> Vec<File> {
        SCRIPTS
            .map(|script| file(&format!("migrations/{engine}/{name}/{script}"), ""))
            .into()
    }

    #[test]
    fn without_migrations_there_is_nothing_to_say() {
        assert!(twins(&[file("migrations/README.md", "")]).is_empty());
    }

    #[test]
    fn twins_are_fine() {
        let both = [
            migration("postgres", "0001_keys"),
            migration("sqlite", "0001_keys"),
        ]
        .concat();
        assert!(twins(&both).is_empty());
    }

    #[test]
    fn a_migration_of_one_database_is_found() {
        let found = twins(&migration("postgres", "0001_keys"));
        assert_eq!(found.first().unwrap().place, "migrations/sqlite/0001_keys");
    }

    #[test]
    fn a_migration_without_a_way_down_is_found() {
        let mut files = [
            migration("postgres", "0001_keys"),
            migration("sqlite", "0001_keys"),
        ]
        .concat();
        files.retain(|file| file.path != "migrations/sqlite/0001_keys/down.sql");
        assert_eq!(
            twins(&files).first().unwrap().place,
            "migrations/sqlite/0001_keys/down.sql"
        );
    }

    #[test]
    fn two_migrations_with_one_number_are_found() {
        let files = ["0001_keys", "0001_people"]
            .map(|name| [migration("postgres", name), migration("sqlite", name)].concat())
            .concat();
        assert_eq!(twins(&files).len(), 1);
    }
}
