//! What the commands need from outside the checkout, found or installed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{Outcome, process, workspace};

/// A cargo subcommand, pinned.
pub(crate) struct CargoTool {
    /// The name of the package and of its program.
    pub(crate) name: &'static str,
    /// The version that is installed when none is found.
    pub(crate) version: &'static str,
}

/// The licences, bans and sources check.
pub(crate) const DENY: CargoTool = CargoTool {
    name: "cargo-deny",
    version: "0.20.2",
};
/// Counts the lines that tests run.
pub(crate) const LLVM_COV: CargoTool = CargoTool {
    name: "cargo-llvm-cov",
    version: "0.9.1",
};
/// The test runner.
pub(crate) const NEXTEST: CargoTool = CargoTool {
    name: "cargo-nextest",
    version: "0.9.143",
};

impl CargoTool {
    /// The program: the one on `PATH`, else the one in our cache, which is installed there when it is missing.
    pub(crate) fn program(&self) -> Outcome<PathBuf> {
        if let Some(found) = process::find(self.name) {
            return Ok(found);
        }
        let tools = workspace::cache()?.join("tools");
        let program = tools.join("bin").join(self.name);
        if !self.is_pinned_version(&program) {
            println!(
                "installing {} {} into {} (once, some minutes)",
                self.name,
                self.version,
                tools.display()
            );
            process::run(
                workspace::cargo()?
                    .args(["install", "--quiet", "--locked", self.name, "--version", self.version, "--root"])
                    .arg(&tools)
                    // Not into the workspace's own: its lock is held, and the tool's features would mix with ours.
                    .env("CARGO_TARGET_DIR", tools.join("target"))
                    .env_remove("RUSTFLAGS"),
            )?;
            fs::remove_dir_all(tools.join("target"))?;
        }
        Ok(program)
    }

    fn is_pinned_version(&self, program: &PathBuf) -> bool {
        // As cargo starts it, with its own name first: not every one takes the option alone.
        Command::new(program)
            .args([self.name.trim_start_matches("cargo-"), "--version"])
            .output()
            .is_ok_and(|output| {
                String::from_utf8_lossy(&output.stdout)
                    .split_whitespace()
                    .any(|word| word == self.version)
            })
    }
}

/// Tells [`LLVM_COV`] where the two programs of LLVM are that read what the compiler counted: nothing where rustup has installed
/// them beside the compiler, else those of Debian's package of the compiler's own LLVM.
pub(crate) fn llvm() -> Outcome<Vec<(&'static str, PathBuf)>> {
    let rustc = |arguments: &[&str]| process::output(Command::new("rustc").args(arguments));
    let version = rustc(&["--verbose", "--version"])?;
    let said = |name: &str| version.lines().find_map(|line| line.strip_prefix(name));
    let host = said("host: ").ok_or("rustc does not say its host")?;
    let llvm = said("LLVM version: ").ok_or("rustc does not say its LLVM")?;
    let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
    if sysroot
        .join("lib/rustlib")
        .join(host)
        .join("bin/llvm-cov")
        .is_file()
    {
        return Ok(Vec::new());
    }
    // Counts of one major version are not read by another's programs.
    let major = llvm.split('.').next().unwrap_or(llvm);
    let program = |name: &str| process::find(&format!("{name}-{major}"));
    if program("llvm-cov").is_none() || program("llvm-profdata").is_none() {
        install_system_packages(&[&format!("llvm-{major}")])
            .map_err(|error| format!("{error}\n  or: rustup component add llvm-tools"))?;
    }
    [("LLVM_COV", "llvm-cov"), ("LLVM_PROFDATA", "llvm-profdata")]
        .into_iter()
        .map(|(variable, name)| {
            let found = program(name).ok_or_else(|| format!("{name}-{major} is not on PATH"))?;
            Ok((variable, found))
        })
        .collect()
}

/// Installs Debian packages, saying so, when we may; else the error is the one command to run.
pub(crate) fn install_system_packages(packages: &[&str]) -> Outcome {
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    if !process::is_root() || process::find("apt-get").is_none() {
        return Err(format!(
            "missing on this machine: {names}\n  install it with: sudo apt-get install {names}"
        )
        .into());
    }
    println!("installing with apt-get: {names}");
    let install = || {
        process::run(
            Command::new("apt-get")
                .args(["install", "--yes", "--quiet=2", "--no-install-recommends"])
                .args(packages)
                .env("DEBIAN_FRONTEND", "noninteractive")
                // Debian starts what it installs. We start our own: at this run level it leaves the services alone.
                .env("RUNLEVEL", "1"),
        )
    };
    // A fresh machine has no package lists, or old ones that name files which are gone.
    install().or_else(|_| {
        process::run(Command::new("apt-get").args(["update", "--quiet=2"]))?;
        install()
    })
}
