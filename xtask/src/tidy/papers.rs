//! What documents say of the code is true.

use super::Finding;
use super::tree::{File, Package};

const THREAT_MODEL: &str = "docs/threat-model.md";

/// Each test that the threat model names, as `package::test`, is a function of that package.
pub(super) fn tests_of_the_threat_model(packages: &[Package], files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for paper in files.iter().filter(|file| file.path == THREAT_MODEL) {
        let mut any = false;
        for (number, line) in (1..).zip(paper.text.lines()) {
            for (package, test) in named_tests(line) {
                any = true;
                if !has_function(packages, files, package, test) {
                    findings.push(Finding::new(
                        format!("{THREAT_MODEL}:{number}"),
                        format!("names `{package}::{test}`, which is not there"),
                        "name the test that proves it now, or say that none does",
                    ));
                }
            }
        }
        if !any {
            findings.push(Finding::new(
                THREAT_MODEL,
                "names no test",
                "name what proves it, as `package::test`",
            ));
        }
    }
    findings
}

/// What stands between backticks as `package::test`; those two words themselves explain the form.
fn named_tests(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once("::"))
        .filter(|names| *names != ("package", "test"))
}

fn has_function(packages: &[Package], files: &[File], package: &str, function: &str) -> bool {
    let declaration = format!("fn {function}(");
    packages.iter().filter(|one| one.name == package).any(|package| {
        let folder = format!("{}/", package.folder);
        files.iter().any(|file| {
            file.path.starts_with(&folder)
                && file.path.strip_suffix(".rs").is_some()
                && file.text.contains(&declaration)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::samples::{file, package};
    use super::*;

    fn findings(paper: &str) -> Vec<Finding> {
        let packages = [
            package("crates/domain/tokens", &[]),
            package("crates/server", &[]),
        ];
        let files = [
            file("docs/threat-model.md", paper),
            file(
                "crates/domain/tokens/src/a.rs",
                "async fn reuse_ends_the_family() {}",
            ),
            file("crates/domain/tokens/README.md", "fn told_of()"),
        ];
        tests_of_the_threat_model(&packages, &files)
    }

    #[test]
    fn a_test_that_is_there_may_be_named() {
        let paper = "`package::test`: R1 | `may_act`, `chancery-tokens::reuse_ends_the_family` |";
        assert_eq!(findings(paper), []);
    }

    #[test]
    fn a_test_that_is_gone_renamed_or_elsewhere_is_found() {
        for name in [
            "chancery-tokens::reuse",
            "chancery-server::reuse_ends_the_family",
            "chancery-tokens::told_of",
            "nobody::reuse_ends_the_family",
        ] {
            let found = findings(&format!("first\n| `{name}` |"));
            assert_eq!(found.len(), 1, "{name}");
            assert_eq!(found.first().unwrap().place, "docs/threat-model.md:2");
        }
    }

    #[test]
    fn a_threat_model_without_tests_is_found() {
        assert_eq!(findings("everything is safe, `package::test`").len(), 1);
    }
}
