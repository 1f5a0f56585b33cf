//! PyPI `llmock`, which breaks answers the way providers do and says how the client took it.

use super::{Judge, Stage};
use crate::Outcome;

pub(super) const JUDGE: Judge = Judge {
    name: "llmock",
    about: "llmock finds nothing wrong with how we retry, and neither half an answer nor a broken call is taken for a whole one",
    run,
};

fn run(stage: &Stage) -> Outcome {
    stage.judge_models("llmock", || stage.python("llmock_faults.py", &["llmock==0.2.2"]))
}
