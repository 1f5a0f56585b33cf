//! `cargo xtask tidy`: the rules of `ARCHITECTURE.md` that no compiler checks.
//!
//! Each rule is one function from what was read to its findings. To add one: write it in the file it belongs to, add
//! it to the list in `run`, show in a test that it fires and that it does not.

mod layers;
mod layout;
mod migrations;
mod outside;
mod papers;
mod ports;
mod sources;
mod tree;

use std::fmt;

use crate::Outcome;
use tree::Tree;

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// The file, from the top folder, with a line number where that helps.
    place: String,
    /// What is wrong.
    what: String,
    /// What to do about it.
    remedy: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; {}", self.place, self.what, self.remedy)
    }
}

pub(crate) fn run() -> Outcome {
    let tree = Tree::read()?;
    let mut findings = [
        layers::direction(&tree.packages),
        layers::development_direction(&tree.packages),
        outside::allow_lists(&tree.packages),
        outside::technologies(&tree.packages),
        outside::openssl_stays_out(&tree.closures),
        layout::readme_and_lints(&tree.packages),
        layout::first_command(&tree.default_members),
        layout::names(&tree.packages, &tree.files),
        sources::length(&tree.files),
        sources::allow_attributes(&tree.files),
        sources::offset_pagination(&tree.files),
        sources::machine_words(&tree.files),
        ports::contracts(&tree.files),
        ports::id_prefixes(&tree.files),
        migrations::twins(&tree.files),
        papers::tests_of_the_threat_model(&tree.packages, &tree.files),
    ]
    .concat();
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!(
                "tidy: {} packages, {} files, nothing to say",
                tree.packages.len(),
                tree.files.len()
            );
            Ok(())
        }
        count => Err(format!("tidy has {count} findings").into()),
    }
}
