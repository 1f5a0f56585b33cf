use std::sync::Arc;

use async_trait::async_trait;
use chancery_access::Principal;
use chancery_tools::{CostClass, Tool, ToolCatalogue, ToolError, ToolOutput, ToolSpec};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::AgentCatalogue;
use crate::{Action, Check, HandOffContext, Preset, Stage, testing};

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

/// The whole line, exactly, of each thing that can be wrong.
#[test]
fn each_fault_of_a_file_names_file_line_key_and_remedy() {
    let cases = [
        (
            TRIAGE.replace("\"m\"", "\"m"),
            "t.toml:5: is not TOML: invalid basic string, expected `\"`; mend the syntax",
        ),
        (
            TRIAGE.replace("[bundle]", "model = \"n\"\n[bundle]"),
            "t.toml:7: is not TOML: duplicate key; mend the syntax",
        ),
        (
            TRIAGE.replace("model = \"m\"\n", ""),
            "t.toml:1: model: is missing; add `model = \"…\"`",
        ),
        (
            TRIAGE.replace("\"m\"", "7"),
            "t.toml:5: model: is an integer; write a string",
        ),
        (
            TRIAGE.replace("\"Help.\"", "\" \""),
            "t.toml:6: instructions: is empty; write something",
        ),
        (
            TRIAGE.replace("Help.", &"x".repeat(32 * 1024 + 1)),
            "t.toml:6: instructions: has 32769 bytes; use at most 32768",
        ),
        (
            TRIAGE.replace("\"Triage\"", "\"a\\u0000\""),
            "t.toml:3: display_name: holds a NUL character; remove it",
        ),
        (
            TRIAGE.replace("model", "modle = 1\nmodel"),
            "t.toml:5: modle: is not known; remove it; known are name, display_name, description, model, \
             instructions, memory, bundle, handoffs, guardrails",
        ),
        (
            TRIAGE.replace("\"triage\"", "\"Tri age\""),
            "t.toml:2: name: \"Tri age\" is not a name; use a-z, 0-9 and _",
        ),
        (
            TRIAGE.replace("\"triage\"", "\"other\""),
            "triage.toml: name: there is no agent called triage; add one: it answers when a turn names no agent",
        ),
    ];
    for (text, line) in cases {
        assert_eq!(faults(&[("t.toml", &text)]), [line], "{text}");
    }
}

#[test]
fn each_fault_of_bundle_and_hand_offs_names_file_line_key_and_remedy() {
    let handoff = |agent: &str, context: &str| {
        format!("{TRIAGE}[[handoffs]]\nagent = \"{agent}\"\ncontext = \"{context}\"\n")
    };
    let cases = [
        (
            TRIAGE.replace("[bundle]\ntools = [\"clock\"]\n", ""),
            "t.toml:1: bundle: is missing; add `[bundle]`",
        ),
        (
            TRIAGE.replace("[bundle]\ntools = [\"clock\"]", "bundle = true"),
            "t.toml:7: bundle: is a boolean; write `[bundle]`",
        ),
        (
            TRIAGE.replace("tools =", "tool = 1\ntools ="),
            "t.toml:8: bundle.tool: is not known; remove it; known are tools, categories, agents, approval, scope, max_cost",
        ),
        (
            TRIAGE.replace("tools = [\"clock\"]", ""),
            "t.toml:7: bundle.tools: is missing; add `tools = []`, even when it is empty",
        ),
        (
            TRIAGE.replace("[\"clock\"]", "\"clock\""),
            "t.toml:8: bundle.tools: is a string; write `tools = [\"…\"]`",
        ),
        (
            TRIAGE.replace("\"clock\"", "\"clock\",\n1"),
            "t.toml:9: bundle.tools: holds an integer; write `tools = [\"…\"]`",
        ),
        (
            TRIAGE.replace("\"clock\"", &["\"clock\""; 65].join(", ")),
            "t.toml:8: bundle.tools: has 65 items; use at most 64",
        ),
        (
            TRIAGE.replace("\"clock\"", "\"clock\",\n\"search\",\n\"hammer\""),
            "t.toml:10: bundle.tools: there is no tool called hammer; use one of clock, search",
        ),
        (
            TRIAGE.replace("\"clock\"", "\"clock\",\n\"clock\""),
            "t.toml:9: bundle.tools: clock is named twice; name each tool once",
        ),
        (
            TRIAGE.replace("\"clock\"", "\"transfer_to_x\""),
            "t.toml:8: bundle.tools: transfer_to_x is the name of a hand-off; declare it as [[handoffs]]",
        ),
        (
            TRIAGE.replace("[bundle]", "[bundle]\napproval = [\"clock\",\n\"hammer\"]"),
            "t.toml:9: bundle.approval: hammer is not among the tools of the bundle; name tools of `bundle.tools` or of its categories",
        ),
        (
            TRIAGE.replace("[bundle]", "[bundle]\nscope = \"ALL\""),
            "t.toml:8: bundle.scope: a scope is written namespace:verb, in lower case; correct it or remove it",
        ),
        (
            TRIAGE.replace("[bundle]", "[memory]\nmessages = 3\n[bundle]"),
            "t.toml:7: memory.strategy: is missing; add `strategy = \"…\"`",
        ),
        (
            TRIAGE.replace("[bundle]", "[memory]\nstrategy = \"dream\"\n[bundle]"),
            "t.toml:8: memory.strategy: \"dream\" is no strategy; use one of none, trim",
        ),
        (
            TRIAGE.replace(
                "[bundle]",
                "[memory]\nstrategy = \"trim\"\nmessages = 101\n[bundle]",
            ),
            "t.toml:9: memory.messages: 101 is out of bounds; write a number from 1 to 100",
        ),
        (
            TRIAGE.replace("[bundle]", "handoffs = 1\n[bundle]"),
            "t.toml:7: handoffs: is an integer; write `[[handoffs]]`",
        ),
        (
            TRIAGE.replace("[bundle]", "handoffs = [1]\n[bundle]"),
            "t.toml:7: handoffs: holds an integer; write `[[handoffs]]`",
        ),
        (
            format!("{TRIAGE}[[handoffs]]\nagent = \"x\""),
            "t.toml:9: handoffs.context: is missing; add `context = \"…\"`",
        ),
        (
            handoff("nobody", "half"),
            "t.toml:11: handoffs.context: \"half\" is no context; use one of full, fresh, last_turn",
        ),
        (
            handoff("triage", "full"),
            "t.toml:10: handoffs.agent: an agent cannot hand off to itself; name another agent or remove the hand-off",
        ),
        (
            handoff("nobody", "full"),
            "t.toml:10: handoffs.agent: there is no agent called nobody; use one of none: there is nothing to name",
        ),
    ];
    for (text, line) in cases {
        assert_eq!(faults(&[("t.toml", &text)]), [line], "{text}");
    }
}

/// Three tools of two categories, one of which costs something.
fn shop() -> ToolCatalogue {
    let tool = |name: &str, category: &str, cost: CostClass| -> Arc<dyn Tool> {
        Arc::new(Listed(ToolSpec {
            cost,
            ..ToolSpec::built_in(name, "", category, serde_json::json!({"type": "object"}))
        }))
    };
    ToolCatalogue::new([
        tool("clock", "time", CostClass::Free),
        tool("prices", "shop", CostClass::Free),
        tool("orders", "shop", CostClass::Expensive),
    ])
    .unwrap()
}

struct Listed(ToolSpec);

#[async_trait]
impl Tool for Listed {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _: &Principal, _: &Map<String, Value>) -> Result<ToolOutput, ToolError> {
        Err(ToolError::Failed("it is listed and never called".to_owned()))
    }
}

#[test]
fn a_bundle_takes_tools_by_name_by_category_and_by_what_they_cost() {
    let held = |bundle: &str| {
        let text = TRIAGE.replace("tools = [\"clock\"]", bundle);
        let agents = AgentCatalogue::load(&[("t.toml", &text)], &shop());
        let agents = agents.map_err(|refused| refused.to_string())?;
        Ok::<_, String>(agents.find("triage").unwrap().bundle.tools.clone())
    };
    for (bundle, tools) in [
        ("tools = [\"clock\"]", vec!["clock"]),
        (
            "tools = [\"orders\"]\ncategories = [\"shop\"]",
            vec!["orders", "prices"],
        ),
        (
            "tools = []\ncategories = [\"shop\", \"time\"]\nmax_cost = \"metered\"\napproval = [\"prices\"]",
            vec!["prices", "clock"],
        ),
    ] {
        assert_eq!(held(bundle).unwrap(), tools, "{bundle}");
    }
    for (bundle, line) in [
        (
            "tools = []\ncategories = [\"shop\",\n\"food\"]",
            "t.toml:10: bundle.categories: there is no tool of the category food; use one of shop, time",
        ),
        (
            "tools = [\"orders\"]\nmax_cost = \"free\"",
            "t.toml:8: bundle.tools: orders is expensive, more than max_cost free; raise bundle.max_cost or remove the tool",
        ),
        (
            "tools = []\nmax_cost = \"cheap\"",
            "t.toml:9: bundle.max_cost: \"cheap\" is no class of cost; use one of free, metered, expensive",
        ),
        (
            "tools = []\ncategories = [\"shop\"]\nmax_cost = \"free\"\napproval = [\"orders\"]",
            "t.toml:11: bundle.approval: orders is not among the tools of the bundle; name tools of `bundle.tools` or of its categories",
        ),
    ] {
        assert_eq!(held(bundle).unwrap_err(), line, "{bundle}");
    }
}

#[test]
fn agents_ask_agents_there_are_and_never_in_a_circle() {
    let asking = |name: &str, agents: &str| {
        let bundle = format!("[bundle]\nagents = [{agents}]");
        TRIAGE
            .replace("name = \"triage\"", &format!("name = \"{name}\""))
            .replace("[bundle]", &bundle)
    };
    let load = |triage: &str, a: &str, b: &str| {
        let files = [
            ("t.toml", asking("triage", triage)),
            ("a.toml", asking("a", a)),
            ("b.toml", asking("b", b)),
        ];
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        AgentCatalogue::load(&files, &tools()).map_err(|refused| refused.to_string())
    };
    let agents = load("\"a\", \"b\"", "\"b\"", "").unwrap();
    let triage = agents.find("triage").unwrap();
    assert_eq!(
        (triage.asked_by("ask_a"), triage.asked_by("ask_c")),
        (Some("a"), None)
    );
    assert_eq!(
        load("\"c\"", "", "").unwrap_err(),
        "t.toml:8: bundle.agents: there is no agent called c; use one of a, b"
    );
    assert_eq!(
        load("\"a\", \"a\"", "", "").unwrap_err(),
        "t.toml:8: bundle.agents: a is named twice; name each agent once"
    );
    assert_eq!(
        load("\"triage\"", "", "").unwrap_err(),
        "t.toml:8: bundle.agents: the agents ask in a circle: triage, triage; remove triage, or break the circle elsewhere"
    );
    let circle = load("\"a\"", "\"b\"", "\"a\"").unwrap_err();
    assert_eq!(
        circle.lines().collect::<Vec<_>>(),
        [
            "a.toml:8: bundle.agents: the agents ask in a circle: a, b, a; remove b, or break the circle elsewhere",
            "b.toml:8: bundle.agents: the agents ask in a circle: b, a, b; remove a, or break the circle elsewhere",
        ]
    );
    let clash = asking("triage", "\"a\"").replace("\"clock\"", "\"ask_a\"");
    let found = faults(&[("t.toml", &clash), ("a.toml", &asking("a", ""))]);
    assert_eq!(
        found,
        [
            "t.toml:9: bundle.tools: ask_a is the name of the tool that asks an agent; remove it, or the agent from `bundle.agents`"
        ]
    );
}

#[test]
fn each_fault_of_guardrails_names_file_line_key_and_remedy() {
    for (table, line) in [
        (
            "preset = \"lax\"",
            "t.toml:10: guardrails.preset: there is no preset called lax; use one of minimal, standard, strict",
        ),
        (
            "inputs = []",
            "t.toml:10: guardrails.inputs: is not known; remove it; known are preset, input, output, tool_input, \
             tool_output, url_filter, blocked_words, custom, size",
        ),
        (
            "input = [\"pii\",\n\"moderation\"]",
            "t.toml:11: guardrails.input: there is no check called moderation; use one of prompt_injection, secrets, \
             pii, url_filter, blocked_words, custom, size",
        ),
        (
            "output = [\"pii:hide\"]",
            "t.toml:10: guardrails.output: there is no action called hide; write pii:block or pii:redact",
        ),
        (
            "output = [\"pii\",\n\"pii:redact\"]",
            "t.toml:11: guardrails.output: pii is named twice; name each check once",
        ),
        (
            "tool_input = [\"size\"]",
            "t.toml:10: guardrails.tool_input: size has no table; add `[guardrails.size]`",
        ),
        (
            "input = [\"size\"]\n[guardrails.size]",
            "t.toml:11: guardrails.size.max_bytes: is missing; add `max_bytes = 4096`, or as many as you like",
        ),
        (
            "input = [\"size\"]\n[guardrails.size]\nmax_bytes = 0",
            "t.toml:12: guardrails.size.max_bytes: 0 is out of bounds; write a number from 1 to 262144",
        ),
        (
            "[guardrails.custom]\npatterns = [\"x\"]",
            "t.toml:10: guardrails.custom: is used nowhere; name custom in input, output, tool_input or tool_output, or \
             remove the table",
        ),
        (
            "output = [\"custom\"]\n[guardrails.custom]\npatterns = [\"x\",\n\"(x\"]",
            "t.toml:13: guardrails.custom.patterns: \"(x\" is no expression: unclosed group; write an expression as \
             the regex crate reads it",
        ),
        (
            "output = [\"custom\"]\n[guardrails.custom]\npatterns = [\"x*\"]",
            "t.toml:12: guardrails.custom.patterns: \"x*\" matches the empty text; write an expression as the regex \
             crate reads it",
        ),
        (
            "output = [\"blocked_words\"]\n[guardrails.blocked_words]\nwords = [\"x\", \" \"]",
            "t.toml:12: guardrails.blocked_words.words: holds an empty text; remove it",
        ),
        (
            "output = [\"url_filter\"]\n[guardrails.url_filter]\ndeny = [\"https://x\"]",
            "t.toml:12: guardrails.url_filter.deny: \"https://x\" is no host; write a name such as example.com, in \
             lower case",
        ),
    ] {
        let text = format!("{TRIAGE}[guardrails]\n{table}\n");
        assert_eq!(faults(&[("t.toml", &text)]), [line], "{text}");
    }
}

#[test]
fn a_list_of_checks_stands_in_the_place_of_the_presets() {
    let table = "[guardrails]\npreset = \"strict\"\ninput = [\"pii\"]\noutput = []\n";
    let text = format!("{TRIAGE}{table}");
    let agents = AgentCatalogue::load(&[("triage.toml", &text)], &tools()).unwrap();
    let guardrails = &agents.find("triage").unwrap().guardrails;
    let checks = |stage| guardrails.checks(stage).collect::<Vec<_>>();
    assert_eq!(checks(Stage::Input), [(Check::Pii, Action::Block)]);
    assert_eq!(checks(Stage::Output), []);
    assert_eq!(checks(Stage::ToolInput), Preset::Strict.checks(Stage::ToolInput));
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
        ["b.toml:2: name: triage is taken by a.toml; give each agent a name of its own"]
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
