//! The log: plain lines on a terminal, JSON otherwise, on standard error. Standard output is for people.

mod scrub;

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use scrub::Scrubbed;

/// Starts the log. `directives` is a level, or what `tracing_subscriber::EnvFilter` reads.
pub(crate) fn start(directives: &str) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(directives.to_lowercase()).map_err(|error| format!("LOG_LEVEL: {error}"))?;
    let registry = tracing_subscriber::registry().with(filter);
    let writer = || Scrubbed::new(io::stderr());
    let started = if io::stderr().is_terminal() {
        registry
            .with(fmt::layer().with_writer(writer).with_target(false))
            .try_init()
    } else {
        let json = fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false);
        registry.with(json.with_writer(writer)).try_init()
    };
    started.map_err(|error| error.to_string())
}
