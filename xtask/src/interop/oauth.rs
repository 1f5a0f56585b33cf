//! npm `oauth4webapi` and `openid-client`, which drive any authorization server that keeps to the standards.

use super::{Judge, Stage};
use crate::{Outcome, process};

pub(super) const JUDGE: Judge = Judge {
    name: "oauth",
    about: "npm oauth4webapi and openid-client find, register at and use our OAuth endpoints",
    run,
};

fn run(stage: &Stage) -> Outcome {
    let mut judge = stage.node("oauth.mjs", &["oauth4webapi@3.8.8", "openid-client@6.9.0"])?;
    let server = stage.serve(&[])?;
    server.describe_to(&mut judge);
    process::run(&mut judge)
}
