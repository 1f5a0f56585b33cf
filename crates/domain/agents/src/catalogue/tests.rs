use chancery_tools::ToolCatalogue;
use proptest::prelude::*;

use super::AgentCatalogue;
use crate::{HandOffContext, testing};

const EMBEDDED: [(&str, &str); 3] = [
    (
        "triage.toml",
        include_str!("../../../../server/catalog/agents/triage.toml"),
    ),
    (
        "code_assistant.toml",
        include_str!("../../../../server/catalog/agents/code_assistant.toml"),
    ),
    (
        "data_analyst.toml",
        include_str!("../../../../server/catalog/agents/data_analyst.toml"),
    ),
];

const TRIAGE: &str = r#"
name = "triage"
display_name = "Triage"
description = "First."
model = "m"
instructions = "Help."
[bundle]
tools = ["clock"]
"#;

fn tools() -> ToolCatalogue {
    testing::tools(["clock", "search"])
}

fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let refused = AgentCatalogue::load(files, &tools()).unwrap_err();
    let text = refused.to_string();
    assert_eq!(text.lines().count(), refused.0.len(), "{text}");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_agents_of_this_server_are_in_order() {
    let tools = testing::tools(["get_current_time", "search_conversations", "web_search"]);
    let agents = AgentCatalogue::load(&EMBEDDED, &tools).unwrap();
    let names: Vec<_> = agents.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names, ["code_assistant", "data_analyst", "triage"]);
    let triage = agents.find(AgentCatalogue::DEFAULT).unwrap();
    let to: Vec<_> = triage
        .handoffs
        .iter()
        .map(|handoff| (handoff.agent.as_str(), handoff.context))
        .collect();
    assert_eq!(
        to,
        [
            ("code_assistant", HandOffContext::Full),
            ("data_analyst", HandOffContext::Full)
        ]
    );
    assert!(agents.iter().all(|agent| agent.model == "gpt-4.1-2025-04-14"));
    assert!(!agents.find("code_assistant").unwrap().has_tool("web_search"));
}

#[test]
fn a_scope_of_the_bundle_is_read() {
    let text = TRIAGE.replace("[bundle]", "[bundle]\nscope = \"tools:read\"");
    let agents = AgentCatalogue::load(&[("triage.toml", &text)], &tools()).unwrap();
    let scope = agents.find("triage").unwrap().bundle.scope.clone();
    assert_eq!(scope.unwrap().as_str(), "tools:read");
}

#[test]
fn each_fault_names_file_key_and_remedy() {
    let handoff = |agent: &str, context: &str| {
        format!("{TRIAGE}[[handoffs]]\nagent = \"{agent}\"\ncontext = \"{context}\"\n")
    };
    for (text, line) in [
        ("name = ".to_owned(), "t.toml: line 1 is not TOML"),
        (
            TRIAGE.replace("model = \"m\"", ""),
            "t.toml: model: is missing; add `model = \"…\"`",
        ),
        (
            TRIAGE.replace("\"m\"", "7"),
            "t.toml: model: is integer; write a string",
        ),
        (
            TRIAGE.replace("\"Help.\"", "\" \""),
            "t.toml: instructions: is empty; write something",
        ),
        (
            TRIAGE.replace("model", "modle = 1\nmodel"),
            "t.toml: modle: is not known; remove it; known are name,",
        ),
        (
            TRIAGE.replace("tools =", "tool = 1\ntools ="),
            "t.toml: bundle.tool: is not known; remove it; known are tools, approval, scope",
        ),
        (
            TRIAGE.replace("\"clock\"", "\"hammer\""),
            "t.toml: bundle.tools: there is no tool called hammer; use one of clock, search",
        ),
        (
            TRIAGE.replace("\"clock\"", "\"clock\", \"clock\""),
            "t.toml: bundle.tools: clock is named twice; name each tool once",
        ),
        (
            TRIAGE.replace("\"clock\"", "1"),
            "t.toml: bundle.tools: is no array of strings; write `tools = [\"…\"]`",
        ),
        (
            TRIAGE.replace("\"clock\"", "\"transfer_to_x\""),
            "t.toml: bundle.tools: transfer_to_x is the name of a hand-off; declare it as [[handoffs]]",
        ),
        (
            TRIAGE.replace("[bundle]\ntools = [\"clock\"]", ""),
            "t.toml: bundle: is missing; add `[bundle]`",
        ),
        (
            TRIAGE.replace("[bundle]", "[bundle]\nscope = \"ALL\""),
            "t.toml: bundle.scope: a scope is written",
        ),
        (
            TRIAGE.replace("\"triage\"", "\"Tri age\""),
            "t.toml: name: \"Tri age\" is not a name; use a-z, 0-9 and _",
        ),
        (
            TRIAGE.replace("\"triage\"", "\"other\""),
            "triage.toml: name: there is no agent called triage; add one",
        ),
        (
            handoff("triage", "full"),
            "t.toml: handoffs.agent: an agent cannot hand off to itself",
        ),
        (
            handoff("nobody", "full"),
            "t.toml: handoffs.agent: there is no agent called nobody; use one of none",
        ),
        (
            TRIAGE.replace("[bundle]", "[bundle]\napproval = [\"hammer\"]"),
            "t.toml: bundle.approval: hammer is not among the tools of the bundle; name tools of `bundle.tools`",
        ),
        (
            handoff("nobody", "half"),
            "t.toml: handoffs.context: \"half\" is no context; use one of full, fresh, last_turn",
        ),
    ] {
        let found = faults(&[("t.toml", &text)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(line), "{found:?} is not {line}");
    }
}

#[test]
fn all_faults_of_all_files_are_told_at_once() {
    let broken = TRIAGE.replace("model = \"m\"", "").replace("\"clock\"", "1");
    let found = faults(&[("a.toml", &broken), ("b.toml", "]")]);
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn two_agents_of_one_name_are_refused() {
    let found = faults(&[("a.toml", TRIAGE), ("b.toml", TRIAGE)]);
    assert_eq!(
        found,
        ["b.toml: name: triage is taken by a.toml; give each agent a name of its own"]
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,300}") {
        let _ = AgentCatalogue::load(&[("t.toml", &text)], &tools());
    }

    /// Whole agent files with one piece taken out or replaced, which get further into the reader than noise does.
    #[test]
    fn a_damaged_file_is_read_or_refused_in_lines(from in 0usize..160, length in 0usize..40, piece in "[\\[\\]\"='a-z0-9\n]{0,6}") {
        let mut text = TRIAGE.to_owned();
        let from = from.min(text.len());
        let end = (from + length).min(text.len());
        text.replace_range(from..end, &piece);
        if let Err(refused) = AgentCatalogue::load(&[("t.toml", &text)], &tools()) {
            prop_assert_eq!(refused.to_string().lines().count(), refused.0.len());
        }
    }
}
