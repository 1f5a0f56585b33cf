//! PyPI `llmock`, which breaks answers the way providers do and says how the client took it.

use super::{Judge, Stage};
use crate::{Outcome, process};

pub(super) const JUDGE: Judge = Judge {
    name: "llmock",
    about: "llmock finds nothing wrong with how we retry, and half an answer is never taken for one",
    run,
};

fn run(stage: &Stage) -> Outcome {
    for api in ["responses", "chat_completions"] {
        println!("-- {api}");
        let mut judge = stage.python("llmock_faults.py", &["llmock==0.2.2"])?;
        // The script listens here; the server asks nobody before the first message.
        let port = process::free_port()?.to_string();
        let provider = format!("http://127.0.0.1:{port}/v1");
        let server = stage.serve(&[
            ("OPENAI_API", api),
            ("OPENAI_API_KEY", "llmock"),
            ("OPENAI_BASE_URL", &provider),
            ("MODEL_IDLE_TIMEOUT_SECONDS", "2"),
        ])?;
        server.describe_to(&mut judge);
        judge.env("PROVIDER_PORT", port);
        process::run(&mut judge)?;
    }
    Ok(())
}
