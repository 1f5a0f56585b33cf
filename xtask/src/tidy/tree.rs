//! What the rules look at: the packages and the files of the workspace, read once.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

use crate::{Outcome, process, workspace};

/// Everything the rules look at.
pub(super) struct Tree {
    pub(super) packages: Vec<Package>,
    pub(super) files: Vec<File>,
    pub(super) closures: Closures,
    /// The folders of the packages that a plain `cargo run` looks at.
    pub(super) default_members: Vec<String>,
}

/// By package name: all packages it is built from, development dependencies left out.
pub(super) type Closures = HashMap<String, BTreeSet<String>>;

/// The layer a package belongs to, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    Foundation,
    Protocols,
    Domain,
    Adapters,
    Surfaces,
    Server,
    /// Black-box tests and maintainer commands: not part of the product.
    Outside,
}

/// One of our packages.
#[derive(Debug, Clone)]
pub(super) struct Package {
    pub(super) name: String,
    /// From the top folder: `crates/domain/tokens`.
    pub(super) folder: String,
    pub(super) group: Group,
    pub(super) dependencies: Vec<Dependency>,
    /// The text of its `Cargo.toml`.
    pub(super) manifest: String,
    pub(super) has_readme: bool,
}

/// A dependency as the manifest has it.
#[derive(Debug, Clone)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// Whether it is a package of this workspace.
    pub(super) ours: bool,
    pub(super) kind: DependencyKind,
    pub(super) features: Vec<String>,
}

/// A text file that is, or would be, part of the repository.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// From the top folder, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl Tree {
    pub(super) fn read() -> Outcome<Self> {
        let metadata = MetadataCommand::new().current_dir(workspace::root()?).exec()?;
        Ok(Self {
            packages: packages(&metadata)?,
            files: files()?,
            closures: closures(&metadata),
            default_members: metadata
                .workspace_default_packages()
                .iter()
                .map(|package| folder_of(package, &metadata))
                .collect::<Outcome<_>>()?,
        })
    }
}

impl Group {
    /// By folder: `crates/domain/tokens` belongs to the domain.
    pub(super) fn of(folder: &str) -> Self {
        match folder.split('/').collect::<Vec<_>>().as_slice() {
            ["crates", "foundation", _] => Self::Foundation,
            ["crates", "protocols", _] => Self::Protocols,
            ["crates", "domain", _] => Self::Domain,
            ["crates", "adapters", _] => Self::Adapters,
            ["crates", "surfaces", _] => Self::Surfaces,
            ["crates", ..] => Self::Server,
            _ => Self::Outside,
        }
    }
}

impl Package {
    /// Where findings about its manifest point.
    pub(super) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    /// What ends up in the product. A build script's dependencies do not.
    pub(super) fn normal_dependencies(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal)
    }
}

fn packages(metadata: &Metadata) -> Outcome<Vec<Package>> {
    let ours: BTreeSet<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut packages = Vec::new();
    for package in metadata.workspace_packages() {
        let folder = folder_of(package, metadata)?;
        packages.push(Package {
            name: package.name.to_string(),
            group: Group::of(&folder),
            has_readme: metadata.workspace_root.join(&folder).join("README.md").is_file(),
            folder,
            dependencies: package
                .dependencies
                .iter()
                .map(|dependency| Dependency {
                    name: dependency.name.clone(),
                    ours: ours.contains(dependency.name.as_str()),
                    kind: dependency.kind,
                    features: dependency.features.clone(),
                })
                .collect(),
            manifest: fs::read_to_string(&package.manifest_path)?,
        });
    }
    Ok(packages)
}

/// From the top folder: `crates/domain/tokens`.
fn folder_of(package: &cargo_metadata::Package, metadata: &Metadata) -> Outcome<String> {
    let folder = package.manifest_path.parent().ok_or("a manifest has no folder")?;
    Ok(folder.strip_prefix(&metadata.workspace_root)?.to_string())
}

fn closures(metadata: &Metadata) -> Closures {
    let Some(resolve) = &metadata.resolve else {
        return Closures::new();
    };
    let names: HashMap<&PackageId, &str> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package.name.as_str()))
        .collect();
    let edges: HashMap<&PackageId, Vec<&PackageId>> = resolve
        .nodes
        .iter()
        .map(|node| {
            let shipped = node.deps.iter().filter(|dependency| {
                dependency
                    .dep_kinds
                    .iter()
                    .any(|kind| kind.kind != DependencyKind::Development)
            });
            (&node.id, shipped.map(|dependency| &dependency.pkg).collect())
        })
        .collect();
    let reachable = |start: &PackageId| {
        let mut seen = BTreeSet::new();
        let mut open = edges.get(start).cloned().unwrap_or_default();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(edges.get(next).into_iter().flatten());
            }
        }
        seen.into_iter()
            .filter_map(|id| names.get(id).map(|name| (*name).to_owned()))
            .collect()
    };
    metadata
        .workspace_packages()
        .iter()
        .map(|package| (package.name.to_string(), reachable(&package.id)))
        .collect()
}

/// What git tracks or would track: not what is ignored, not what was deleted.
fn files() -> Outcome<Vec<File>> {
    let root = workspace::root()?;
    let listed = process::output(
        Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .current_dir(&root),
    )?;
    let paths: BTreeSet<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
    Ok(paths
        .into_iter()
        .filter_map(|path| {
            // Neither text nor there any more: nothing to check.
            let text = fs::read_to_string(root.join(path)).ok()?;
            Some(File {
                path: path.to_owned(),
                text,
            })
        })
        .collect())
}

/// Inputs for the tests of the rules.
#[cfg(test)]
pub(super) mod samples {
    use super::*;

    /// A package in `folder` with normal dependencies; those that begin with `chancery-` are ours.
    pub(crate) fn package(folder: &str, dependencies: &[&str]) -> Package {
        Package {
            name: format!("chancery-{}", folder.rsplit('/').next().unwrap()),
            folder: folder.to_owned(),
            group: Group::of(folder),
            dependencies: dependencies.iter().map(|name| dependency(name)).collect(),
            manifest: "[lints]\nworkspace = true\n".to_owned(),
            has_readme: true,
        }
    }

    pub(crate) fn dependency(name: &str) -> Dependency {
        Dependency {
            name: name.to_owned(),
            ours: name.starts_with("chancery-"),
            kind: DependencyKind::Normal,
            features: Vec::new(),
        }
    }

    pub(crate) fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn the_folder_says_the_group() {
        assert_eq!(Group::of("crates/domain/tokens"), Group::Domain);
        assert_eq!(Group::of("crates/server"), Group::Server);
        assert_eq!(Group::of("xtask"), Group::Outside);
    }
}
