//! npm `@copilotkit/aimock`, a stand-in for OpenAI that its own users test agents with.

use super::{Judge, Stage};
use crate::{Outcome, process};

pub(super) const JUDGE: Judge = Judge {
    name: "aimock",
    about: "agents answer, call tools, hand off and fail clearly on aimock's two OpenAI APIs",
    run,
};

fn run(stage: &Stage) -> Outcome {
    for api in ["responses", "chat_completions"] {
        println!("-- {api}");
        let mut judge = stage.node("aimock.mjs", &["@copilotkit/aimock@1.43.0"])?;
        // The script listens here; the server asks nobody before the first message.
        let port = process::free_port()?.to_string();
        let provider = format!("http://127.0.0.1:{port}/v1");
        let server = stage.serve(&[
            ("OPENAI_API", api),
            ("OPENAI_API_KEY", "aimock"),
            ("OPENAI_BASE_URL", &provider),
            ("MODEL_IDLE_TIMEOUT_SECONDS", "2"),
        ])?;
        server.describe_to(&mut judge);
        judge.env("PROVIDER_PORT", port);
        process::run(&mut judge)?;
    }
    Ok(())
}
