//! Which of our crates may know which.

use std::collections::HashMap;

use cargo_metadata::DependencyKind;

use super::Finding;
use super::tree::{Dependency, Group, Package};

/// The edges within the domain, the whole list. A decision that needs another domain goes through a port of the
/// asking crate, what follows from a decision through an event: neither needs an edge.
const DOMAIN_EDGES: [(&str, &[&str]); 7] = [
    ("chancery-tokens", &["chancery-auth-keys"]),
    ("chancery-accounts", &["chancery-tokens"]),
    ("chancery-registry", &["chancery-tokens"]),
    ("chancery-attestation", &["chancery-tokens", "chancery-registry"]),
    (
        "chancery-grants",
        &["chancery-tokens", "chancery-attestation", "chancery-registry"],
    ),
    ("chancery-payments", &["chancery-tokens", "chancery-registry"]),
    ("chancery-agents", &["chancery-tools", "chancery-conversations"]),
];

/// The one adapter that surfaces may use: how a bearer token becomes a principal.
const EXTRACTOR: &str = "chancery-actix-auth";

/// Dependencies point down, and within a layer only where it is said.
pub(super) fn direction(packages: &[Package]) -> Vec<Finding> {
    edges(packages, |kind| kind != DependencyKind::Development)
        .filter_map(|(from, to)| {
            let remedy = refusal(from, to)?;
            Some(Finding::new(
                from.manifest_path(),
                format!("depends on {}", to.name),
                remedy,
            ))
        })
        .collect()
}

/// Tests may use more than the product, but nothing above their own crate: that would close a circle.
pub(super) fn development_direction(packages: &[Package]) -> Vec<Finding> {
    edges(packages, |kind| kind == DependencyKind::Development)
        .filter(|(from, to)| to.group > from.group)
        .map(|(from, to)| {
            Finding::new(
                from.manifest_path(),
                format!("its tests depend on {}, which is above it", to.name),
                "move the test to the upper crate",
            )
        })
        .collect()
}

fn edges(
    packages: &[Package],
    wanted: impl Fn(DependencyKind) -> bool,
) -> impl Iterator<Item = (&Package, &Package)> {
    let by_name: HashMap<&str, &Package> = packages
        .iter()
        .map(|package| (package.name.as_str(), package))
        .collect();
    packages
        .iter()
        .flat_map(|package| {
            package
                .dependencies
                .iter()
                .map(move |dependency| (package, dependency))
        })
        .filter(move |(_, dependency): &(&Package, &Dependency)| dependency.ours && wanted(dependency.kind))
        .filter_map(move |(package, dependency)| Some((package, *by_name.get(dependency.name.as_str())?)))
}

/// Why `from` may not use `to`, as the remedy; `None` when it may.
fn refusal(from: &Package, to: &Package) -> Option<String> {
    use Group::{Adapters, Domain, Foundation, Outside, Protocols, Server, Surfaces};
    let allowed = match (from.group, to.group) {
        (Foundation, Foundation)
        | (Protocols | Domain, Foundation | Protocols)
        | (Adapters | Surfaces, Foundation | Protocols | Domain)
        | (Server, Foundation | Protocols | Domain | Adapters | Surfaces)
        | (Outside, Foundation | Protocols | Outside) => true,
        (Domain, Domain) => DOMAIN_EDGES
            .iter()
            .any(|(name, targets)| *name == from.name && targets.contains(&to.name.as_str())),
        (Surfaces, Adapters) => to.name == EXTRACTOR,
        _ => false,
    };
    if allowed {
        return None;
    }
    Some(match (from.group, to.group) {
        (Domain, Domain) => {
            "that edge is not listed: declare a port and bridge it in the server, or react to an event"
                .to_owned()
        }
        (Adapters, Adapters) => "adapters do not know each other: the server composes them".to_owned(),
        (Surfaces, Adapters) => {
            format!("surfaces know no adapter but {EXTRACTOR}: call a service of the domain")
        }
        (Outside, _) => "tests and commands use the binary from outside".to_owned(),
        _ => format!(
            "{:?} may not know {:?}: turn the edge round with a port",
            from.group, to.group
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::samples::{dependency, package};
    use super::*;

    fn workspace(folder: &str, dependencies: &[&str]) -> Vec<Package> {
        let mut packages: Vec<Package> = [
            "crates/foundation/ids",
            "crates/protocols/jose",
            "crates/domain/tokens",
            "crates/domain/audit",
            "crates/domain/tools",
            "crates/adapters/store-sql",
            "crates/adapters/actix-auth",
            "crates/surfaces/oauth",
            "tests",
        ]
        .map(|folder| package(folder, &[]))
        .into();
        packages.push(package(folder, dependencies));
        packages
    }

    fn fires(folder: &str, on: &str) -> bool {
        !direction(&workspace(folder, &[on])).is_empty()
    }

    #[test]
    fn dependencies_may_point_down() {
        for (folder, on) in [
            ("crates/foundation/ambient", "chancery-ids"),
            ("crates/protocols/token-verify", "chancery-jose"),
            ("crates/domain/accounts", "chancery-jose"),
            ("crates/adapters/in-process", "chancery-audit"),
            ("crates/surfaces/api", "chancery-tokens"),
            ("crates/server", "chancery-store-sql"),
            ("xtask", "chancery-jose"),
        ] {
            assert!(!fires(folder, on), "{folder} on {on}");
        }
    }

    #[test]
    fn an_upward_edge_is_found() {
        for (folder, on) in [
            ("crates/foundation/ambient", "chancery-jose"),
            ("crates/protocols/token-verify", "chancery-tokens"),
            ("crates/domain/accounts", "chancery-store-sql"),
            ("crates/adapters/in-process", "chancery-oauth"),
        ] {
            assert!(fires(folder, on), "{folder} on {on}");
        }
    }

    #[test]
    fn domain_edges_are_those_on_the_list() {
        assert!(!fires("crates/domain/accounts", "chancery-tokens"));
        assert!(!fires("crates/domain/agents", "chancery-tools"));
        assert!(fires("crates/domain/accounts", "chancery-audit"));
        assert!(fires("crates/domain/conversations", "chancery-tools"));
    }

    #[test]
    fn surfaces_know_one_adapter_and_adapters_none() {
        assert!(!fires("crates/surfaces/api", "chancery-actix-auth"));
        assert!(fires("crates/surfaces/api", "chancery-store-sql"));
        assert!(fires("crates/adapters/in-process", "chancery-store-sql"));
        assert!(fires("crates/surfaces/api", "chancery-oauth"));
        assert!(fires("xtask", "chancery-store-sql"));
    }

    #[test]
    fn tests_may_look_sideways_but_not_up() {
        let with_development = |folder: &str, on: &str| {
            let mut packages = workspace(folder, &[]);
            let mut edge = dependency(on);
            edge.kind = DependencyKind::Development;
            packages.last_mut().unwrap().dependencies.push(edge);
            packages
        };
        assert!(
            development_direction(&with_development("crates/domain/accounts", "chancery-audit")).is_empty()
        );
        assert!(direction(&with_development("crates/domain/accounts", "chancery-audit")).is_empty());
        assert_eq!(
            development_direction(&with_development("crates/domain/accounts", "chancery-store-sql")).len(),
            1
        );
    }
}
