//! The `chancery` binary, built the way the tests build it.

use std::path::PathBuf;
use std::process::Stdio;

use cargo_metadata::Message;

use crate::{Outcome, process, workspace};

/// Builds the binary and answers where it is.
///
/// `--workspace` and `--examples` make cargo choose the same dependency features as for the tests of
/// the whole workspace. With `-p chancery-server` alone it would compile most dependencies a second time.
pub(crate) fn build() -> Outcome<PathBuf> {
    let messages = process::output(
        workspace::cargo()?
            .args([
                "build",
                "--quiet",
                "--workspace",
                "--bin",
                "chancery",
                "--examples",
            ])
            .args(["--message-format", "json-render-diagnostics"])
            .stdin(Stdio::null()),
    )?;
    for message in Message::parse_stream(messages.as_bytes()) {
        if let Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == "chancery"
            && let Some(executable) = artifact.executable
        {
            return Ok(executable.into_std_path_buf());
        }
    }
    Err("cargo built no binary named `chancery`".into())
}
