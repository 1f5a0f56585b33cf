//! npm `@copilotkit/aimock`, a stand-in for OpenAI that its own users test agents with.

use super::{Judge, Stage};
use crate::Outcome;

pub(super) const JUDGE: Judge = Judge {
    name: "aimock",
    about: "agents answer, call tools, hand off, fail clearly, go on and are counted on aimock's two OpenAI APIs",
    run,
};

fn run(stage: &Stage) -> Outcome {
    stage.judge_models("aimock", || {
        stage.node("aimock.mjs", &["@copilotkit/aimock@1.43.0"])
    })
}
