//! Which crates from outside each layer may use.

use super::Finding;
use super::tree::{Closures, Dependency, Group, Package};

/// What the foundation stands on: the vocabulary, and the two crates that `ambient` hides from the rest.
const FOUNDATION: &[&str] = &[
    "async-trait",
    "base64",
    "chrono",
    "futures",
    "ring",
    "serde",
    "serde_json",
    "thiserror",
    "tokio",
    "tokio-util",
    "tracing",
    "uuid",
];

/// Bytes in, verdict out: encodings and arithmetic, nothing that could do I/O.
const PROTOCOLS: &[&str] = &[
    "base64",
    "k256",
    "ring",
    "secrecy",
    "serde",
    "serde_json",
    "sfv",
    "sha3",
    "subtle",
    "thiserror",
    "uuid",
    "zeroize",
];

/// What the domain may use beyond the list of the protocols.
const DOMAIN: &[&str] = &["arc-swap", "async-trait", "chrono", "futures", "tokio", "tracing"];

/// One crate's need that is nobody else's.
const SINGLE_USES: [(&str, &str); 8] = [
    // It brings OpenSSL.
    ("chancery-key-formats", "josekit"),
    ("chancery-accounts", "argon2"),
    // Definitions of hosted agents are TOML.
    ("chancery-agents", "toml"),
    // Declarations of tools too, and what they call has an address.
    ("chancery-tools", "toml"),
    ("chancery-tools", "url"),
    // Guardrails look for what has a form, in time linear in the text, while it still streams: the engine under `regex`, for
    // `regex` itself cannot say that a match may yet become one.
    ("chancery-agents", "regex-automata"),
    // So is the catalogue of service accounts.
    ("chancery-accounts", "toml"),
    // How soon a machine would guess a password.
    ("chancery-accounts", "zxcvbn"),
];

/// The parts of tokio that are no runtime: a domain crate waits and shares, it does not spawn, read or listen.
const DOMAIN_TOKIO_FEATURES: [&str; 3] = ["macros", "sync", "time"];

/// A technology: the crates that bring it, and who may use it.
struct Technology {
    name: &'static str,
    /// A crate belongs to it when its name is one of these, or begins with one of these and a `-`.
    crates: &'static [&'static str],
    allowed: fn(&Package) -> bool,
    place: &'static str,
}

const TECHNOLOGIES: [Technology; 4] = [
    Technology {
        name: "actix",
        crates: &["actix"],
        allowed: |package| {
            matches!(package.group, Group::Surfaces | Group::Server) || package.name == "chancery-actix-auth"
        },
        place: "the surfaces, the server and chancery-actix-auth",
    },
    Technology {
        name: "SQL",
        crates: &["diesel", "diesel_migrations", "libsqlite3-sys", "tokio-postgres"],
        allowed: |package| package.name == "chancery-store-sql",
        place: "chancery-store-sql",
    },
    Technology {
        name: "Redis",
        crates: &["redis", "deadpool-redis"],
        allowed: |package| package.name == "chancery-cache-redis",
        place: "chancery-cache-redis",
    },
    Technology {
        name: "an HTTP client",
        crates: &["reqwest", "awc", "hyper"],
        allowed: |package| matches!(package.group, Group::Adapters | Group::Server),
        place: "adapters",
    },
];

/// The inner layers use what is on their lists.
pub(super) fn allow_lists(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        for dependency in package
            .normal_dependencies()
            .filter(|dependency| !dependency.ours)
        {
            if !is_listed(package, &dependency.name) {
                findings.push(Finding::new(
                    package.manifest_path(),
                    format!("uses {}, which is not on the list of the {:?} layer", dependency.name, package.group),
                    "do it with what is on the list (xtask/src/tidy/outside.rs), or in an adapter behind a port",
                ));
            }
            for feature in forbidden_tokio_features(package, dependency) {
                findings.push(Finding::new(
                    package.manifest_path(),
                    format!("uses tokio's `{feature}`"),
                    format!("the domain may use {} only", DOMAIN_TOKIO_FEATURES.join(", ")),
                ));
            }
        }
    }
    findings
}

/// A technology stays in its place, and an adapter has one.
pub(super) fn technologies(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages.iter().filter(|package| package.group != Group::Outside) {
        let mut used = Vec::new();
        for technology in &TECHNOLOGIES {
            let Some(dependency) = package
                .normal_dependencies()
                .find(|one| technology.includes(&one.name))
            else {
                continue;
            };
            used.push(technology.name);
            if !(technology.allowed)(package) {
                findings.push(Finding::new(
                    package.manifest_path(),
                    format!("uses {}", dependency.name),
                    format!("{} stays in {}", technology.name, technology.place),
                ));
            }
        }
        if package.group == Group::Adapters && used.len() > 1 {
            findings.push(Finding::new(
                package.manifest_path(),
                format!("adapts {}", used.join(" and ")),
                "one technology per adapter: split it",
            ));
        }
    }
    findings
}

/// Other services link the verifier: it must not ask them for OpenSSL.
pub(super) fn openssl_stays_out(closures: &Closures) -> Vec<Finding> {
    const VERIFIER: &str = "chancery-token-verify";
    let found = closures
        .get(VERIFIER)
        .is_some_and(|closure| closure.contains("openssl-sys"));
    found
        .then(|| {
            Finding::new(
                VERIFIER,
                "openssl-sys is among what it is built from",
                format!(
                    "see `cargo tree -p {VERIFIER} -i openssl-sys`; OpenSSL stays in chancery-key-formats"
                ),
            )
        })
        .into_iter()
        .collect()
}

fn is_listed(package: &Package, name: &str) -> bool {
    let listed = match package.group {
        Group::Foundation => FOUNDATION.contains(&name),
        Group::Protocols => PROTOCOLS.contains(&name),
        Group::Domain => PROTOCOLS.contains(&name) || DOMAIN.contains(&name),
        Group::Adapters | Group::Surfaces | Group::Server | Group::Outside => true,
    };
    listed || SINGLE_USES.contains(&(package.name.as_str(), name))
}

fn forbidden_tokio_features<'a>(
    package: &'a Package,
    dependency: &'a Dependency,
) -> impl Iterator<Item = &'a String> {
    let applies = package.group == Group::Domain && dependency.name == "tokio";
    let features = if applies {
        dependency.features.as_slice()
    } else {
        &[]
    };
    features
        .iter()
        .filter(|feature| !DOMAIN_TOKIO_FEATURES.contains(&feature.as_str()))
}

impl Technology {
    fn includes(&self, name: &str) -> bool {
        self.crates.iter().any(|one| {
            name.strip_prefix(one)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::samples::{dependency, package};
    use super::*;
    use cargo_metadata::DependencyKind;
    use std::collections::HashMap;

    fn listed(folder: &str, dependency: &str) -> bool {
        allow_lists(&[package(folder, &[dependency])]).is_empty()
    }

    fn in_place(folder: &str, dependencies: &[&str]) -> bool {
        technologies(&[package(folder, dependencies)]).is_empty()
    }

    #[test]
    fn the_inner_layers_keep_to_their_lists() {
        assert!(listed("crates/protocols/jose", "ring"));
        assert!(!listed("crates/protocols/jose", "tracing"));
        assert!(listed("crates/domain/tokens", "tracing"));
        assert!(!listed("crates/domain/tokens", "url"));
        assert!(!listed("crates/foundation/ids", "url"));
        assert!(listed("crates/adapters/vault", "url"));
    }

    #[test]
    fn a_single_use_is_allowed_to_its_one_user() {
        assert!(listed("crates/protocols/key-formats", "josekit"));
        assert!(!listed("crates/protocols/jose", "josekit"));
        assert!(listed("crates/domain/accounts", "argon2"));
        assert!(!listed("crates/domain/tokens", "argon2"));
    }

    #[test]
    fn tests_may_use_what_they_like() {
        let mut tokens = package("crates/domain/tokens", &[]);
        let mut edge = dependency("proptest");
        edge.kind = DependencyKind::Development;
        tokens.dependencies.push(edge);
        assert!(allow_lists(&[tokens]).is_empty());
    }

    #[test]
    fn the_domain_uses_no_runtime() {
        let mut agents = package("crates/domain/agents", &["tokio"]);
        let features = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        agents.dependencies.first_mut().unwrap().features = features(&["sync", "time"]);
        assert!(allow_lists(&[agents.clone()]).is_empty());
        agents.dependencies.first_mut().unwrap().features = features(&["sync", "rt"]);
        let findings = allow_lists(&[agents]);
        assert!(
            findings.iter().any(|finding| finding.what.contains("`rt`")),
            "{findings:?}"
        );
    }

    #[test]
    fn a_technology_stays_in_its_place() {
        assert!(in_place("crates/surfaces/api", &["actix-web", "actix-cors"]));
        assert!(in_place("crates/adapters/actix-auth", &["actix-web"]));
        assert!(!in_place("crates/adapters/in-process", &["actix-web"]));
        assert!(in_place(
            "crates/adapters/store-sql",
            &["diesel", "diesel-async", "tokio-postgres-rustls"]
        ));
        assert!(!in_place("crates/server", &["diesel"]));
        assert!(!in_place("crates/surfaces/api", &["deadpool-redis"]));
        assert!(!in_place("crates/surfaces/api", &["reqwest"]));
        assert!(in_place("crates/adapters/model-openai", &["reqwest"]));
        assert!(in_place("tests", &["reqwest", "tokio-postgres"]));
    }

    #[test]
    fn an_adapter_with_two_technologies_is_found() {
        let findings = technologies(&[package("crates/adapters/store-sql", &["diesel", "reqwest"])]);
        assert_eq!(findings.len(), 1);
        assert!(
            findings.first().unwrap().what.contains("SQL and an HTTP client"),
            "{findings:?}"
        );
    }

    #[test]
    fn openssl_under_the_verifier_is_found() {
        let closures =
            |under: &str| HashMap::from([("chancery-token-verify".to_owned(), [under.to_owned()].into())]);
        assert!(openssl_stays_out(&closures("ring")).is_empty());
        assert_eq!(openssl_stays_out(&closures("openssl-sys")).len(), 1);
    }
}
