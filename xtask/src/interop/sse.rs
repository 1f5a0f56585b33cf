//! npm `eventsource-parser` and PyPI `httpx-sse`, with which most clients of chat APIs read streams.

use super::{Judge, Stage};
use crate::{Outcome, process};

pub(super) const JUDGE: Judge = Judge {
    name: "sse",
    about: "npm eventsource-parser and PyPI httpx-sse read live, resumed and replayed streams as we wrote them, byte for byte",
    run,
};

fn run(stage: &Stage) -> Outcome {
    let judges = [
        stage.node("sse.mjs", &["eventsource-parser@4.1.3"])?,
        stage.python("sse.py", &["httpx==0.28.1", "httpx-sse==0.4.3"])?,
    ];
    let server = stage.serve(&[("OFFLINE_MODEL_WORDS_PER_SECOND", "100")])?;
    for mut judge in judges {
        server.describe_to(&mut judge);
        process::run(&mut judge)?;
    }
    Ok(())
}
