//! What may stand in a file, and how much of it.

use super::Finding;
use super::tree::File;

/// Lines of code in a file; its trailing `mod tests` is not counted.
const CODE_LIMIT: usize = 500;
/// Lines of a file that holds tests only.
const TEST_FILE_LIMIT: usize = 800;
/// Lines of the trailing `mod tests` of a file of code.
const INLINE_TESTS_LIMIT: usize = 200;

/// Lists in store-sql that may use OFFSET: the kept wire has it and the list is bounded per owner. Paths, each with
/// the route that needs it as a comment.
const OFFSET_LISTS: [&str; 1] = [
    // The tokens of a tenant's service accounts: one live one for account and scopes.
    "crates/adapters/store-sql/src/service_tokens.rs",
];

/// Folders of the machines that the code is written on. Split, so that this file does not find itself.
const MACHINE_FOLDERS: [&str; 2] = [concat!("/", "work/"), concat!("/", "root/")];

/// Hosts of package registries: which one is asked is the business of the machine.
const REGISTRY_HOSTS: [&str; 6] = [
    concat!("crates", ".io"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("debian", ".org"),
];

/// Files stay short enough to be read in one go.
pub(super) fn length(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in rust(files) {
        let parts = Parts::of(&file.text);
        if is_test_file(&file.path) {
            let lines = parts.code + parts.tests;
            if lines > TEST_FILE_LIMIT {
                findings.push(Finding::new(
                    file.path.clone(),
                    format!("has {lines} lines, {TEST_FILE_LIMIT} is the limit of a test file"),
                    "split it by what is tested",
                ));
            }
            continue;
        }
        if parts.code > CODE_LIMIT {
            findings.push(Finding::new(
                file.path.clone(),
                format!(
                    "has {} lines without its tests, {CODE_LIMIT} is the limit",
                    parts.code
                ),
                "split it by noun or use case",
            ));
        }
        if parts.tests > INLINE_TESTS_LIMIT {
            findings.push(Finding::new(
                file.path.clone(),
                format!(
                    "has {} lines of tests, {INLINE_TESTS_LIMIT} is the limit beside code",
                    parts.tests
                ),
                format!("move them to {}/tests.rs", file.path.trim_end_matches(".rs")),
            ));
        }
    }
    findings
}

/// `expect` says why and is checked for being needed; `allow` does neither.
pub(super) fn allow_attributes(files: &[File]) -> Vec<Finding> {
    lines_of(rust(files))
        .filter(|(_, line)| {
            let line = line.trim_start();
            line.starts_with("#[allow(") || line.starts_with("#![allow(")
        })
        .map(|(place, _)| {
            Finding::new(
                place,
                "allows a lint",
                "write `expect(…, reason = \"…\")` instead, or do what the lint says",
            )
        })
        .collect()
}

/// OFFSET reads what it skips, and skips or repeats rows when others write.
pub(super) fn offset_pagination(files: &[File]) -> Vec<Finding> {
    let store = rust(files).filter(|file| {
        file.path.starts_with("crates/adapters/store-sql/src/") && !OFFSET_LISTS.contains(&file.path.as_str())
    });
    lines_of(store)
        .filter(|(_, line)| {
            let code = line.split("//").next().unwrap_or_default();
            code.contains(".offset(") || words(code).any(|word| word == "OFFSET")
        })
        .map(|(place, _)| {
            Finding::new(
                place,
                "pages with OFFSET",
                "page by key with a cursor; for a kept wire and a bounded list, name the file in OFFSET_LISTS",
            )
        })
        .collect()
}

/// The repository must mean the same on every machine.
pub(super) fn machine_words(files: &[File]) -> Vec<Finding> {
    lines_of(files.iter().filter(|file| !file.path.ends_with("Cargo.lock")))
        .filter_map(|(place, line)| {
            let folder = MACHINE_FOLDERS
                .into_iter()
                .find(|folder| names_folder(line, folder));
            let host = REGISTRY_HOSTS.into_iter().find(|host| names_host(line, host));
            let word = folder.or(host)?;
            Some(Finding::new(
                place,
                format!("names `{word}`"),
                "leave it out: it is true on some machines only",
            ))
        })
        .collect()
}

/// How many lines of a file are code and how many its trailing tests.
#[derive(Debug, PartialEq)]
struct Parts {
    code: usize,
    tests: usize,
}

impl Parts {
    fn of(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let attribute = lines
            .windows(2)
            .rposition(|pair| matches!(pair, ["#[cfg(test)]", "mod tests {"]));
        let ends_with_it = |start: &usize| {
            // The block is the last of the file: nothing but its own closing brace stands in the first column.
            lines
                .iter()
                .skip(start + 2)
                .filter(|line| line.starts_with('}'))
                .count()
                == 1
                && lines.last() == Some(&"}")
        };
        let code = attribute.filter(ends_with_it).unwrap_or(lines.len());
        Self {
            code,
            tests: lines.len() - code,
        }
    }
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.starts_with("tests/") || path.contains("/tests/")
}

fn rust(files: &[File]) -> impl Iterator<Item = &File> {
    files
        .iter()
        .filter(|file| file.path.strip_suffix(".rs").is_some())
}

/// Each line with its place, `path:number`.
fn lines_of<'a>(files: impl Iterator<Item = &'a File>) -> impl Iterator<Item = (String, &'a str)> {
    files.flat_map(|file| {
        (1..)
            .zip(file.text.lines())
            .map(|(number, line): (usize, _)| (format!("{}:{number}", file.path), line))
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

/// Whether a path in the line begins with the folder: `/x/y` does, `a/x/y` does not.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|letter| letter.is_alphanumeric() || "_-.}*".contains(letter))
    })
}

/// Whether the line names the host or one under it, not a longer name such as `crates.io-index`.
fn names_host(line: &str, host: &str) -> bool {
    line.match_indices(host).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + host.len()..).and_then(|text| text.chars().next());
        let continues = |letter: char| letter.is_alphanumeric() || letter == '-';
        !before.is_some_and(continues) && !after.is_some_and(continues)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::samples::file;
    use super::*;

    fn source(code: usize, tests: usize) -> String {
        let code = "fn a() {}\n".repeat(code);
        let tests = "    // a test\n".repeat(tests.saturating_sub(3));
        format!("{code}#[cfg(test)]\nmod tests {{\n{tests}}}\n")
    }

    #[test]
    fn the_trailing_tests_are_not_code() {
        assert_eq!(Parts::of(&source(7, 10)), Parts { code: 7, tests: 10 });
        assert_eq!(Parts::of("fn a() {}\n"), Parts { code: 1, tests: 0 });
    }

    #[test]
    fn tests_in_the_middle_of_a_file_are_code() {
        let text = format!("{}fn after() {{\n}}\n", source(7, 10));
        assert_eq!(Parts::of(&text), Parts { code: 19, tests: 0 });
    }

    #[test]
    fn a_long_file_is_found() {
        assert!(length(&[file("crates/x/src/a.rs", &source(500, 200))]).is_empty());
        assert_eq!(length(&[file("crates/x/src/a.rs", &source(501, 10))]).len(), 1);
        assert_eq!(length(&[file("crates/x/src/a.rs", &source(10, 201))]).len(), 1);
        assert!(length(&[file("docs/long.md", &source(900, 10))]).is_empty());
    }

    #[test]
    fn test_files_may_be_longer() {
        for path in [
            "crates/x/src/a/tests.rs",
            "crates/x/tests/all.rs",
            "tests/harness/lib.rs",
        ] {
            assert!(length(&[file(path, &"// x\n".repeat(800))]).is_empty(), "{path}");
            assert_eq!(length(&[file(path, &"// x\n".repeat(801))]).len(), 1, "{path}");
        }
    }

    #[test]
    fn an_allowed_lint_is_found_with_its_line() {
        let text = "fn a() {}\n    #[allow(dead_code)]\nfn b() {}\n";
        let findings = allow_attributes(&[file("a.rs", text)]);
        assert_eq!(findings.first().unwrap().place, "a.rs:2");
        assert_eq!(allow_attributes(&[file("a.rs", "#![allow(unused)]\n")]).len(), 1);
        assert!(allow_attributes(&[file("a.rs", "#[expect(dead_code, reason = \"\")]\n")]).is_empty());
    }

    #[test]
    fn offset_in_the_store_is_found() {
        let store = "crates/adapters/store-sql/src/sessions.rs";
        assert_eq!(
            offset_pagination(&[file(store, "query.limit(2).offset(4)\n")]).len(),
            1
        );
        assert_eq!(
            offset_pagination(&[file(store, "\"… LIMIT 2 OFFSET 4\"\n")]).len(),
            1
        );
        assert!(offset_pagination(&[file(store, "// no OFFSET here\nlet byte_offset = 3;\n")]).is_empty());
        assert!(offset_pagination(&[file("crates/server/src/main.rs", "x.offset(4)\n")]).is_empty());
    }

    #[test]
    fn machine_paths_and_registry_hosts_are_found() {
        let found = |text: &str| !machine_words(&[file("docs/a.md", text)]).is_empty();
        for folder in MACHINE_FOLDERS {
            assert!(found(&format!("see {folder}main\n")));
            assert!(!found(&format!("see frame{folder}main\n")));
        }
        for host in REGISTRY_HOSTS {
            assert!(found(&format!("get it from https://www.{host}/x\n")));
            assert!(!found(&format!("the index is {host}-index\n")));
        }
        assert!(!found("a worker works at root level\n"));
    }

    #[test]
    fn the_lock_file_may_name_its_source() {
        let text = format!("source = \"{}\"\n", REGISTRY_HOSTS.first().unwrap());
        assert!(machine_words(&[file("Cargo.lock", &text)]).is_empty());
    }
}
