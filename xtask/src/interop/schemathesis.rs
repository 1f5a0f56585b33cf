//! PyPI `schemathesis`, which makes up requests from our OpenAPI document and holds every answer against it.

use super::{Judge, Stage};
use crate::{Outcome, process};

pub(super) const JUDGE: Judge = Judge {
    name: "schemathesis",
    about: "PyPI schemathesis finds no 5xx and no answer that our OpenAPI document does not declare",
    run,
};

fn run(stage: &Stage) -> Outcome {
    let mut judge = stage.python("schemathesis.py", &["schemathesis==4.32.5"])?;
    // It guesses passwords too.
    let server = stage.serve(&[
        ("OFFLINE_MODEL_WORDS_PER_SECOND", "0"),
        ("AUTH_LOCKOUT_THRESHOLD", "0"),
        ("AUTH_IP_LOCKOUT_THRESHOLD", "0"),
    ])?;
    server.describe_to(&mut judge);
    process::run(&mut judge)
}
