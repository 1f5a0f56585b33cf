//! Ports have contracts, and id kinds have prefixes of their own.

use std::collections::BTreeMap;

use super::Finding;
use super::tree::File;

/// Each port of a domain crate (and of the foundation) that says what implementations MUST do has the functions that
/// show it: `contract/<port>.rs`, one `pub async fn` for each clause.
pub(super) fn contracts(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let Some(source) = port_folder(&file.path) else {
            continue;
        };
        for port in ports(&file.text).into_iter().filter(|port| port.clauses > 0) {
            // Ports of one use case may stand in its own folder; contracts stand together.
            let root = source.find("/src").map_or(source, |end| &source[..end + 4]);
            let contract = format!("{root}/contract/{}.rs", snake_case(&port.name));
            let functions = files.iter().find(|file| file.path == contract).map(|file| {
                file.text
                    .lines()
                    .filter(|line| line.starts_with("pub async fn "))
                    .count()
            });
            match functions {
                None => findings.push(Finding::new(
                    file.path.clone(),
                    format!("{} has {} MUST clauses and no contract", port.name, port.clauses),
                    format!("write {contract}"),
                )),
                Some(functions) if functions < port.clauses => findings.push(Finding::new(
                    contract,
                    format!(
                        "has {functions} `pub async fn` for the {} MUST clauses of {}",
                        port.clauses, port.name
                    ),
                    "write one for each clause",
                )),
                Some(_) => {}
            }
        }
    }
    findings
}

/// A prefix names one kind of id: two kinds with the same could be mistaken for each other.
pub(super) fn id_prefixes(files: &[File]) -> Vec<Finding> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in files
        .iter()
        .filter(|file| file.path.starts_with("crates/") && !file.path.ends_with("/tests.rs"))
    {
        // Tests make up kinds of their own.
        let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in (1..).zip(code.lines()) {
            if let Some(prefix) = declared_prefix(line).filter(|prefix| !prefix.is_empty()) {
                places
                    .entry(prefix)
                    .or_default()
                    .push(format!("{}:{number}", file.path));
            }
        }
    }
    places
        .into_iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(prefix, places)| {
            Finding::new(
                places.join(", "),
                format!("the prefix `{prefix}` names {} kinds of id", places.len()),
                "give each kind its own",
            )
        })
        .collect()
}

struct Port {
    name: String,
    /// Sentences of its documentation, and of its methods', that say MUST.
    clauses: usize,
}

/// `crates/domain/tokens/src` for `crates/domain/tokens/src/ports.rs` and for a file in `…/src/ports/`.
fn port_folder(path: &str) -> Option<&str> {
    let inner = path.starts_with("crates/domain/") || path.starts_with("crates/foundation/");
    let (source, rest) = path.split_once("/ports").filter(|_| inner)?;
    let is_ports = rest == ".rs" || (rest.starts_with('/') && rest.strip_suffix(".rs").is_some());
    is_ports.then_some(source)
}

/// The public traits of a file, with the clauses of their documentation.
fn ports(text: &str) -> Vec<Port> {
    let mut ports: Vec<Port> = Vec::new();
    let mut inside = false;
    let mut documentation = String::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        if let Some(said) = trimmed.strip_prefix("///") {
            documentation.push_str(said);
            documentation.push('\n');
            continue;
        }
        if trimmed.starts_with("#[") {
            continue;
        }
        let clauses = must_sentences(&documentation);
        documentation.clear();
        if let Some(declaration) = line.strip_prefix("pub trait ") {
            let name = declaration
                .split(|letter: char| !letter.is_alphanumeric())
                .next()
                .unwrap_or_default();
            ports.push(Port {
                name: name.to_owned(),
                clauses,
            });
            inside = true;
        } else if line.starts_with('}') {
            inside = false;
        } else if let Some(port) = ports.last_mut().filter(|_| inside) {
            port.clauses += clauses;
        }
    }
    ports
}

/// A clause is a sentence or an item of a list, however often it says MUST.
fn must_sentences(documentation: &str) -> usize {
    let mut count = 0;
    for paragraph in documentation
        .replace("\n *", "\n\n")
        .replace("\n -", "\n\n")
        .split("\n\n")
    {
        let joined = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        count += joined
            .split(". ")
            .filter(|sentence| {
                sentence
                    .split(|letter: char| !letter.is_alphanumeric())
                    .any(|word| word == "MUST")
            })
            .count();
    }
    count
}

/// `KeyStore` is tested by `key_store`, `JwksSource` by `jwks_source`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// The text in `const PREFIX: … = "…";`, or in a row of the table of kinds: `RunKind, RunId, "run_", "run";`.
fn declared_prefix(line: &str) -> Option<&str> {
    if let Some((_, declaration)) = line.split_once("const PREFIX:") {
        let (_, value) = declaration.split_once("= \"")?;
        return value.split('"').next();
    }
    let mut cells = line.trim().split(", ");
    let names_a_kind = cells.next()?.ends_with("Kind") && cells.next()?.ends_with("Id");
    cells
        .next()
        .filter(|_| names_a_kind)?
        .strip_prefix('"')?
        .strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::super::tree::samples::file;
    use super::*;

    const PORTS: &str = "\
/// Keeps families.
///
/// * `rotate` MUST have one winner. Losers MUST be told, and MUST be
///   told once.
#[async_trait]
pub trait FamilyStore: Send + Sync {
    /// Ends it. It MUST stay ended.
    async fn end(&self);
}

/// Says the hour.
pub trait Sundial {
    fn hour(&self) -> u8;
}
";

    fn findings(contract: &[File]) -> Vec<Finding> {
        contracts(&[&[file("crates/domain/tokens/src/ports.rs", PORTS)], contract].concat())
    }

    fn contract(functions: usize) -> File {
        let text = "pub async fn it_holds(store: &dyn FamilyStore) {\n}\n".repeat(functions);
        file("crates/domain/tokens/src/contract/family_store.rs", &text)
    }

    #[test]
    fn a_port_with_clauses_needs_a_contract() {
        let found = findings(&[]);
        assert_eq!(found.len(), 1);
        assert!(
            found.first().unwrap().what.starts_with("FamilyStore has 3 MUST"),
            "{found:?}"
        );
    }

    #[test]
    fn a_contract_has_a_function_for_each_clause() {
        assert_eq!(findings(&[contract(2)]).len(), 1);
        assert!(findings(&[contract(3)]).is_empty());
    }

    #[test]
    fn ports_stand_in_ports_files_of_the_inner_layers() {
        assert_eq!(
            port_folder("crates/domain/tokens/src/ports.rs"),
            Some("crates/domain/tokens/src")
        );
        assert_eq!(
            port_folder("crates/foundation/events/src/ports/outbox.rs"),
            Some("crates/foundation/events/src")
        );
        assert_eq!(port_folder("crates/domain/tokens/src/portshare.rs"), None);
        assert_eq!(port_folder("crates/adapters/vault/src/ports.rs"), None);
    }

    #[test]
    fn a_prefix_has_one_kind() {
        let one = file(
            "crates/a/src/lib.rs",
            "    const PREFIX: &'static str = \"run_\";\n",
        );
        let other = file("crates/b/src/lib.rs", "    const PREFIX: &str = \"app_\";\n");
        assert!(id_prefixes(&[one.clone(), other]).is_empty());
        let twin = file("crates/b/src/lib.rs", "    const PREFIX: &str = \"run_\";\n");
        let found = id_prefixes(&[one, twin]);
        assert_eq!(
            found.first().unwrap().place,
            "crates/a/src/lib.rs:1, crates/b/src/lib.rs:1"
        );
    }

    #[test]
    fn rows_of_the_table_of_kinds_count_too() {
        let row = "    RunKind, RunId, \"run_\", \"run\";\n";
        let twin = "    const PREFIX: &'static str = \"run_\";\n";
        assert!(id_prefixes(&[file("crates/a/src/lib.rs", row)]).is_empty());
        assert_eq!(
            id_prefixes(&[file("crates/a/src/lib.rs", &[row, twin].concat())]).len(),
            1
        );
    }

    #[test]
    fn kinds_made_up_by_tests_do_not_count() {
        let twin = "const PREFIX: &str = \"run_\";\n";
        let with_tests = format!("{twin}#[cfg(test)]\nmod tests {{\n    {twin}}}\n");
        assert!(id_prefixes(&[file("crates/a/src/lib.rs", &with_tests)]).is_empty());
    }

    #[test]
    fn kinds_without_a_prefix_are_no_twins() {
        let bare = "const PREFIX: &'static str = \"\";\nconst PREFIX: &'static str = \"\";\n";
        assert!(id_prefixes(&[file("crates/a/src/lib.rs", bare)]).is_empty());
    }
}
