//! Runs from their beginning to their end, over storage in memory and with a clock that the test moves.

mod approvals;
mod asking;
mod calls;
mod endings;
mod guardrails;
mod reading;
mod recovery;
mod repeats;
mod seats;
mod stops;
mod titles;
mod turns;
mod usage;
mod writing;

use crate::{FinalStatus, RunEvent, What, testing::World};

const POLICIES: [crate::FlushPolicy; 2] = [
    crate::FlushPolicy::BeforeReaders,
    crate::FlushPolicy::AfterReaders,
];

fn world() -> World {
    World::new(crate::FlushPolicy::BeforeReaders)
}

/// The names of what happened, a run of deltas as one.
fn outline(log: &[RunEvent]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for event in log {
        let json = serde_json::to_value(event).unwrap();
        let name = json["kind"].as_str().unwrap();
        let status = json.get("status").and_then(|status| status.as_str());
        let name = status.map_or(name.to_owned(), |status| format!("{name} {status}"));
        if !(name == "message_delta" && names.last().is_some_and(|last| *last == name)) {
            names.push(name);
        }
    }
    names
}

/// The text of all deltas.
fn said(log: &[RunEvent]) -> String {
    let mut text = String::new();
    for event in log {
        if let What::MessageDelta { delta, .. } = &event.what {
            text.push_str(delta);
        }
    }
    text
}

/// What `final` says; panics when the run ended otherwise.
fn end_of(log: &[RunEvent]) -> (FinalStatus, String) {
    let What::Final {
        status,
        response_text,
        ..
    } = &log.last().unwrap().what
    else {
        panic!("{log:?}");
    };
    (*status, response_text.clone())
}

/// The code of the `error` that ended the run.
fn code_of(log: &[RunEvent]) -> String {
    let What::Error { code, .. } = &log.last().unwrap().what else {
        panic!("{log:?}");
    };
    code.clone()
}

/// One terminal event, the last; ids 1, 2, 3 ….
fn assert_whole(log: &[RunEvent]) {
    let terminal: Vec<_> = log
        .iter()
        .filter(|event| event.what.is_terminal())
        .map(|event| event.id)
        .collect();
    assert_eq!(terminal, [log.last().unwrap().id]);
    let ids: Vec<_> = log.iter().map(|event| event.id).collect();
    assert_eq!(ids, (1..).take(ids.len()).collect::<Vec<_>>());
}
