//! What every package has, and what nothing may be called.

use toml::Table;

use super::Finding;
use super::tree::{File, Package};

/// Names that say nothing about what is inside, and so collect everything.
const EMPTY_NAMES: [&str; 10] = [
    "common", "core", "helpers", "manager", "misc", "shared", "types", "util", "utils", "helper",
];

/// Every package explains itself and takes the lints of the workspace.
pub(super) fn readme_and_lints(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        if !package.has_readme {
            findings.push(Finding::new(
                package.folder.clone(),
                "has no README.md",
                "say what it is for, what it must not know, and show one example",
            ));
        }
        if !takes_workspace_lints(&package.manifest) {
            findings.push(Finding::new(
                package.manifest_path(),
                "does not take the lints of the workspace",
                "add `[lints]` with `workspace = true`",
            ));
        }
    }
    findings
}

/// `cargo run` alone starts the server: it looks at one package, which has the one program.
pub(super) fn first_command(default_members: &[String]) -> Vec<Finding> {
    if default_members == ["crates/server"] {
        return Vec::new();
    }
    vec![Finding::new(
        "Cargo.toml",
        format!("`default-members` are {}", default_members.join(", ")),
        "leave crates/server alone there, or `cargo run` does not know what to run",
    )]
}

/// No crate, folder of source or module has an empty name.
pub(super) fn names(packages: &[Package], files: &[File]) -> Vec<Finding> {
    const REMEDY: &str = "name it after what it does";
    let mut findings: Vec<Finding> = packages
        .iter()
        .filter(|package| package.name.split('-').any(is_empty_name))
        .map(|package| {
            Finding::new(
                package.manifest_path(),
                format!("the name {} says nothing", package.name),
                REMEDY,
            )
        })
        .collect();
    for file in files.iter().filter(|file| is_rust(file)) {
        let of_path = file
            .path
            .trim_end_matches(".rs")
            .split('/')
            .filter(|name| is_empty_name(name));
        findings.extend(of_path.map(|name| {
            Finding::new(
                file.path.clone(),
                format!("the name `{name}` says nothing"),
                REMEDY,
            )
        }));
        // A module in a file of its own was found by its path.
        for (number, line) in (1..).zip(file.text.lines()) {
            if let Some(name) = inline_module(line).filter(|name| is_empty_name(name)) {
                findings.push(Finding::new(
                    format!("{}:{number}", file.path),
                    format!("the name `{name}` says nothing"),
                    REMEDY,
                ));
            }
        }
    }
    findings
}

fn takes_workspace_lints(manifest: &str) -> bool {
    manifest.parse::<Table>().is_ok_and(|manifest| {
        manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"))
            .and_then(toml::Value::as_bool)
            == Some(true)
    })
}

fn is_empty_name(name: &str) -> bool {
    EMPTY_NAMES.contains(&name)
}

fn is_rust(file: &File) -> bool {
    file.path.strip_suffix(".rs").is_some()
}

/// The `name` of `mod name {`, whatever its visibility.
fn inline_module(line: &str) -> Option<&str> {
    let declaration = line.trim().strip_suffix('{')?.trim_end();
    let (before, name) = declaration.rsplit_once(' ')?;
    let is_module = before == "mod" || (before.starts_with("pub") && before.ends_with(" mod"));
    is_module.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::tree::samples::{file, package};
    use super::*;

    #[test]
    fn a_package_without_a_readme_is_found() {
        let mut tokens = package("crates/domain/tokens", &[]);
        assert!(readme_and_lints(&[tokens.clone()]).is_empty());
        tokens.has_readme = false;
        assert_eq!(readme_and_lints(&[tokens]).len(), 1);
    }

    #[test]
    fn a_package_with_its_own_lints_is_found() {
        for manifest in [
            "[package]\nname = \"x\"\n",
            "[lints]\nworkspace = false\n",
            "[lints.clippy]\nall = \"deny\"\n",
        ] {
            let mut tokens = package("crates/domain/tokens", &[]);
            tokens.manifest = manifest.to_owned();
            assert_eq!(readme_and_lints(&[tokens]).len(), 1, "{manifest}");
        }
    }

    #[test]
    fn a_workspace_whose_cargo_run_is_not_the_server_is_found() {
        let members = |folders: &[&str]| {
            folders
                .iter()
                .map(|&folder| folder.to_owned())
                .collect::<Vec<_>>()
        };
        assert!(first_command(&members(&["crates/server"])).is_empty());
        assert_eq!(first_command(&members(&["crates/server", "xtask"])).len(), 1);
        assert_eq!(first_command(&[]).len(), 1);
    }

    #[test]
    fn an_empty_name_is_found_wherever_it_stands() {
        assert_eq!(names(&[package("crates/domain/common", &[])], &[]).len(), 1);
        assert_eq!(
            names(&[], &[file("crates/domain/tokens/src/utils.rs", "")]).len(),
            1
        );
        assert_eq!(
            names(&[], &[file("crates/domain/tokens/src/shared/clock.rs", "")]).len(),
            1
        );
        assert_eq!(
            names(
                &[],
                &[file("crates/x/src/lib.rs", "pub(crate) mod helpers {\n}\n")]
            )
            .len(),
            1
        );
        assert_eq!(
            names(&[], &[file("crates/x/src/lib.rs", "mod types {\n}\n")]).len(),
            1
        );
    }

    #[test]
    fn a_name_that_contains_an_empty_one_is_fine() {
        let files = [
            file("crates/domain/tokens/src/core_claims.rs", "mod type_table {\n}\n"),
            file(
                "crates/domain/tokens/src/lib.rs",
                "// a mod helpers {\nuse core::fmt;\n",
            ),
            file("docs/types/README.md", ""),
        ];
        assert!(names(&[package("crates/domain/tokens", &[])], &files).is_empty());
    }
}
