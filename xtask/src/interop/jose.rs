//! npm `jose`, the library that most JavaScript services verify tokens with.

use super::{Judge, Stage};
use crate::{Outcome, process};

pub(super) const JUDGE: Judge = Judge {
    name: "jose",
    about: "npm jose verifies our access token through our JWKS, and refuses a tampered one",
    run,
};

fn run(stage: &Stage) -> Outcome {
    let mut judge = stage.node("jose.mjs", &["jose@6.2.17"])?;
    let server = stage.serve(&[])?;
    server.describe_to(&mut judge);
    process::run(&mut judge)
}
