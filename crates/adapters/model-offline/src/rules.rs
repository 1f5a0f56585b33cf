//! What the offline model does, by rules that anyone can read.

use std::iter;

use chancery_agents::{ModelInput, ModelRequest, TITLE_INSTRUCTIONS, ToolCall};
use serde_json::json;

/// What the model does with its turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It answers.
    Say(String),
    /// It asks for a call.
    Call(ToolCall),
}

/// A title is the beginning of the message. Else decides by the last item: a tool's result is the answer; else the first known word
/// of the person's message.
pub(crate) fn decide(request: &ModelRequest) -> Turn {
    if request.instructions == TITLE_INSTRUCTIONS {
        return Turn::Say(title(request));
    }
    if let Some(ModelInput::ToolResult { call_id, output }) = request.input.last() {
        return Turn::Say(after_call(request, call_id, output));
    }
    let message = last_message(request).trim();
    if let Some(text) = to_repeat(message) {
        return Turn::Say(with_note(text, "what follows `repeat after me:` is said again"));
    }
    match first_match(request, message) {
        Some((rule, rest)) => Turn::Call(rule.call(request, rest)),
        None => Turn::Say(no_rule()),
    }
}

/// A tool and the words that make the model call it.
struct Rule {
    words: &'static [&'static str],
    tool: &'static str,
    /// Whether the rest of the message is the call's `query`.
    takes_query: bool,
    says: &'static str,
}

const RULES: [Rule; 4] = [
    Rule {
        words: &["time", "clock", "date"],
        tool: "get_current_time",
        takes_query: false,
        says: "a question about the time calls `get_current_time`",
    },
    Rule {
        words: &["search", "find"],
        tool: "search_conversations",
        takes_query: true,
        says: "`search` and `find` call `search_conversations` with the rest of the message",
    },
    Rule {
        words: &[
            "code",
            "coding",
            "function",
            "bug",
            "debug",
            "compile",
            "program",
            "refactor",
            "rust",
            "python",
            "javascript",
        ],
        tool: "transfer_to_code_assistant",
        takes_query: false,
        says: "a request about code is handed off to `code_assistant`",
    },
    Rule {
        words: &[
            "data",
            "dataset",
            "statistics",
            "average",
            "median",
            "chart",
            "csv",
            "analyse",
            "analyze",
        ],
        tool: "transfer_to_data_analyst",
        takes_query: false,
        says: "a request about data is handed off to `data_analyst`",
    },
];

const NO_MODEL: &str = "No language model is configured: this is the built-in offline model, which follows fixed rules and \
                        understands nothing. Set OPENAI_API_KEY, or OPENAI_BASE_URL for a compatible server, to use a real one.";

impl Rule {
    fn call(&self, request: &ModelRequest, rest: &str) -> ToolCall {
        let arguments = if self.takes_query {
            json!({ "query": rest })
        } else {
            json!({})
        };
        ToolCall {
            // Unique in the run, and the same whenever the run is the same.
            id: format!("offline_{}_{}", calls(request).count() + 1, self.tool),
            name: self.tool.to_owned(),
            arguments: arguments.to_string(),
        }
    }
}

/// The rule of the first word that counts, and what follows that word.
fn first_match<'a>(request: &ModelRequest, message: &'a str) -> Option<(&'static Rule, &'a str)> {
    words(message).find_map(|(word, rest)| {
        let word = word.to_lowercase();
        let rest = query(rest);
        RULES
            .iter()
            .find(|rule| rule.words.contains(&word.as_str()))
            .filter(|rule| request.tools.iter().any(|tool| tool.name == rule.tool))
            .filter(|rule| !rule.takes_query || !rest.is_empty())
            .map(|rule| (rule, rest))
    })
}

/// Each word with what follows it.
fn words(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut left = text;
    iter::from_fn(move || {
        left = left.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        let end = left
            .find(|letter: char| !letter.is_alphanumeric())
            .unwrap_or(left.len());
        let (word, rest) = left.split_at(end);
        left = rest;
        (!word.is_empty()).then_some((word, rest))
    })
}

/// `for the invoice?` asks for `the invoice`.
fn query(rest: &str) -> &str {
    let rest = rest.trim_matches(|letter: char| !letter.is_alphanumeric() && letter != '"');
    match rest.split_once(char::is_whitespace) {
        Some((first, after)) if first.eq_ignore_ascii_case("for") => after.trim_start(),
        _ => rest,
    }
}

fn to_repeat(message: &str) -> Option<&str> {
    const ASKED: &str = "repeat after me:";
    let (asked, text) = message.split_at_checked(ASKED.len())?;
    let text = text.trim();
    (asked.eq_ignore_ascii_case(ASKED) && !text.is_empty()).then_some(text)
}

/// The first words of the first message. Where a title stands there is no room to say who made it up, and nothing is made up.
fn title(request: &ModelRequest) -> String {
    const WORDS: usize = 6;
    let message = messages(request).next().unwrap_or_default();
    message
        .split_whitespace()
        .take(WORDS)
        .collect::<Vec<_>>()
        .join(" ")
}

fn last_message(request: &ModelRequest) -> &str {
    messages(request).next_back().unwrap_or_default()
}

/// What the person said.
fn messages(request: &ModelRequest) -> impl DoubleEndedIterator<Item = &str> {
    request.input.iter().filter_map(|item| match item {
        ModelInput::User(text) => Some(text.as_str()),
        ModelInput::Assistant(_) | ModelInput::ToolCall(_) | ModelInput::ToolResult { .. } => None,
    })
}

/// The calls of this run.
fn calls(request: &ModelRequest) -> impl Iterator<Item = &ToolCall> {
    request.input.iter().filter_map(|item| match item {
        ModelInput::ToolCall(call) => Some(call),
        ModelInput::User(_) | ModelInput::Assistant(_) | ModelInput::ToolResult { .. } => None,
    })
}

fn after_call(request: &ModelRequest, call_id: &str, output: &str) -> String {
    let called = calls(request)
        .find(|call| call.id == call_id)
        .map(|call| call.name.as_str());
    let rule = RULES.iter().find(|rule| Some(rule.tool) == called);
    let says = rule.map_or("the result of a tool is the answer", |rule| rule.says);
    with_note(output, says)
}

fn with_note(text: &str, rule: &str) -> String {
    format!("{text}\n\n{NO_MODEL} Rule followed: {rule}.")
}

fn no_rule() -> String {
    let known: Vec<&str> = RULES.iter().flat_map(|rule| rule.words).copied().collect();
    format!(
        "{NO_MODEL} Rule followed: none. The message has no word that calls a tool or a hand-off of this agent ({}) and \
         does not begin with `repeat after me:`.",
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use chancery_agents::{ModelInput, ModelRequest, ModelTool, TITLE_INSTRUCTIONS, ToolCall};
    use serde_json::{Value, json};

    use super::{RULES, Turn, decide};

    fn request(message: &str, tools: &[&str]) -> ModelRequest {
        ModelRequest {
            model: "gpt".to_owned(),
            instructions: String::new(),
            input: vec![ModelInput::User(message.to_owned())],
            tools: tools
                .iter()
                .map(|name| ModelTool {
                    name: (*name).to_owned(),
                    description: String::new(),
                    parameters: json!({"type": "object"}),
                })
                .collect(),
        }
    }

    fn all_tools() -> Vec<&'static str> {
        RULES.iter().map(|rule| rule.tool).collect()
    }

    /// The called tool and its arguments.
    fn called(message: &str) -> (String, Value) {
        match decide(&request(message, &all_tools())) {
            Turn::Call(call) => (call.name, serde_json::from_str(&call.arguments).unwrap()),
            Turn::Say(text) => panic!("`{message}` was answered: {text}"),
        }
    }

    fn said(request: &ModelRequest) -> String {
        match decide(request) {
            Turn::Say(text) => text,
            Turn::Call(call) => panic!("it called {}", call.name),
        }
    }

    #[test]
    fn the_first_known_word_decides() {
        let nothing = json!({});
        for (message, tool) in [
            ("What TIME is it?", "get_current_time"),
            ("Is it ten o'clock?", "get_current_time"),
            ("I have a bug in my time zone code", "transfer_to_code_assistant"),
            ("Average of this data, by date", "transfer_to_data_analyst"),
        ] {
            assert_eq!(called(message), (tool.to_owned(), nothing.clone()), "{message}");
        }
    }

    #[test]
    fn a_search_asks_for_the_rest_of_the_message() {
        for (message, query) in [
            ("Search for Müller's invoice?", "Müller's invoice"),
            ("please find: the code of May.", "the code of May"),
            ("find \"exact words\"", "\"exact words\""),
        ] {
            let expected = ("search_conversations".to_owned(), json!({ "query": query }));
            assert_eq!(called(message), expected, "{message}");
        }
    }

    #[test]
    fn a_search_for_nothing_is_not_made() {
        assert!(said(&request("Search!", &all_tools())).contains("Rule followed: none"));
    }

    #[test]
    fn a_tool_that_is_not_offered_is_not_called() {
        let without_time = ["search_conversations"];
        assert!(said(&request("What time is it?", &without_time)).contains("Rule followed: none"));
        // The next word that counts decides.
        let turn = decide(&request("What time did I find the key?", &without_time));
        assert!(matches!(turn, Turn::Call(call) if call.name == "search_conversations"));
    }

    #[test]
    fn a_result_is_the_answer_and_the_rule_is_named() {
        let mut request = request("What time is it?", &all_tools());
        let Turn::Call(call) = decide(&request) else {
            panic!("no call")
        };
        request.input.extend([
            ModelInput::ToolCall(call.clone()),
            ModelInput::ToolResult {
                call_id: call.id,
                output: "2026-01-02 03:04:05 UTC".to_owned(),
            },
        ]);
        let answer = said(&request);
        assert!(answer.starts_with("2026-01-02 03:04:05 UTC"), "{answer}");
        for needed in ["OPENAI_API_KEY", "OPENAI_BASE_URL", "get_current_time"] {
            assert!(answer.contains(needed), "{needed} is not in: {answer}");
        }
    }

    #[test]
    fn a_second_call_of_a_run_has_an_id_of_its_own() {
        let mut request = request("What time is it?", &all_tools());
        let Turn::Call(first) = decide(&request) else {
            panic!("no call")
        };
        request.input.insert(0, ModelInput::ToolCall(first.clone()));
        let Turn::Call(ToolCall { id, .. }) = decide(&request) else {
            panic!("no call")
        };
        assert_ne!(id, first.id);
    }

    #[test]
    fn it_repeats_what_it_is_asked_to_and_says_so() {
        let answer = said(&request("Repeat after me: find the time", &all_tools()));
        assert!(answer.starts_with("find the time\n"), "{answer}");
        assert!(answer.contains("repeat after me"), "{answer}");
    }

    #[test]
    fn a_title_is_the_first_words_of_the_first_message() {
        for (message, title) in [
            ("What time\nis it?", "What time is it?"),
            ("one two three four five six seven", "one two three four five six"),
            (" \n ", ""),
        ] {
            let mut asked = request(message, &[]);
            TITLE_INSTRUCTIONS.clone_into(&mut asked.instructions);
            asked.input.extend([
                ModelInput::Assistant("Noon.".to_owned()),
                ModelInput::User("Its title?".to_owned()),
            ]);
            assert_eq!(said(&asked), title);
        }
    }

    #[test]
    fn every_answer_says_that_no_model_is_configured() {
        for message in [
            "",
            "hello",
            "repeat after me:",
            "ʀᴇᴘᴇᴀᴛ ᴀғᴛᴇʀ ᴍᴇ: ü",
            "🦀🦀🦀🦀🦀🦀🦀",
        ] {
            let answer = said(&request(message, &[]));
            assert!(answer.contains("No language model is configured"), "{answer}");
        }
    }
}
