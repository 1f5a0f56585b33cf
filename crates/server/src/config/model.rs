//! The model and the hosted agents.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use secrecy::SecretString;
use url::Url;

use super::Source;

/// Which model answers, and within which time.
#[derive(Debug)]
pub(crate) struct ModelSettings {
    /// The OpenAI-compatible endpoint; `None` when neither `OPENAI_API_KEY` nor `OPENAI_BASE_URL` is set: the offline
    /// model answers.
    pub openai: Option<OpenAi>,
    /// `OFFLINE_MODEL_WORDS_PER_SECOND`: 0 is without a pause.
    pub offline_words_per_second: u32,
    /// `RUN_TIMEOUT_SECONDS`: of a whole run.
    pub run_timeout: Duration,
    /// `CHAT_RATE_LIMIT_PER_MINUTE`: turns of a person whose answer is waited for; 0 for no end.
    pub turns_per_minute: u32,
    /// `CHAT_STREAM_RATE_LIMIT_PER_MINUTE`: turns of a person that are streamed; 0 for no end.
    pub streams_per_minute: u32,
    /// `CHAT_STREAM_CONCURRENT_LIMIT`: streams that a person reads at the same time; 0 for no end.
    pub streams_at_once: u32,
    /// `AGENT_CATALOG_DIR`: a folder of TOML files in place of the embedded agents.
    pub catalog_dir: Option<PathBuf>,
    /// `TOOL_CATALOG_DIR`: a folder of TOML files, each an HTTP tool or an MCP server.
    pub tools: Option<ToolFiles>,
    /// `CHAT_STREAM_FORMAT` is `chunks`.
    pub stream_chunks: bool,
    /// `CONVERSATION_TITLES` is `model`: it is asked what new conversations are called.
    pub titles: bool,
    /// `TAVILY_API_KEY` is set.
    pub tavily_key: Option<SecretString>,
    /// `TAVILY_BASE_URL`: where its API is, when that is not Tavily's own address.
    pub tavily_url: Option<Url>,
}

/// Tools that an operator declares.
#[derive(Debug)]
pub(crate) struct ToolFiles {
    /// Where the files are.
    pub folder: PathBuf,
    /// What `${NAME}` in them stands for.
    pub variables: BTreeMap<String, SecretString>,
}

/// An OpenAI-compatible endpoint.
#[derive(Debug)]
pub(crate) struct OpenAi {
    /// `OPENAI_BASE_URL`, with its version path.
    pub base_url: Url,
    /// `OPENAI_API_KEY`; local servers need none.
    pub api_key: Option<SecretString>,
    /// `OPENAI_API` is `chat_completions` instead of `responses`.
    pub chat_completions: bool,
    /// `OPENAI_MODEL`: asked for in place of the model that an agent names.
    pub model: Option<String>,
    /// `MODEL_CONNECT_TIMEOUT_SECONDS`.
    pub connect_timeout: Duration,
    /// `MODEL_IDLE_TIMEOUT_SECONDS`: the longest silence.
    pub idle_timeout: Duration,
}

impl ModelSettings {
    pub(super) fn read(source: &mut Source) -> Self {
        let words = source.number("OFFLINE_MODEL_WORDS_PER_SECOND", 20, 0..=10_000);
        Self {
            openai: OpenAi::read(source),
            offline_words_per_second: u32::try_from(words).unwrap_or(0),
            run_timeout: Duration::from_secs(source.number("RUN_TIMEOUT_SECONDS", 300, 1..=3600)),
            turns_per_minute: rate(source, "CHAT_RATE_LIMIT_PER_MINUTE", 60),
            streams_per_minute: rate(source, "CHAT_STREAM_RATE_LIMIT_PER_MINUTE", 30),
            streams_at_once: u32::try_from(source.number("CHAT_STREAM_CONCURRENT_LIMIT", 5, 0..=1000))
                .unwrap_or(u32::MAX),
            catalog_dir: source.text("AGENT_CATALOG_DIR").map(PathBuf::from),
            tools: source.text("TOOL_CATALOG_DIR").map(|folder| ToolFiles {
                folder: PathBuf::from(folder),
                variables: source.environment(),
            }),
            stream_chunks: source.is_other("CHAT_STREAM_FORMAT", "public_sse_v1", "chunks"),
            titles: !source.is_other("CONVERSATION_TITLES", "model", "off"),
            tavily_key: source.text("TAVILY_API_KEY").map(SecretString::from),
            tavily_url: tavily_url(source),
        }
    }
}

fn rate(source: &mut Source, name: &'static str, default: u64) -> u32 {
    u32::try_from(source.number(name, default, 0..=1_000_000)).unwrap_or(u32::MAX)
}

impl OpenAi {
    fn read(source: &mut Source) -> Option<Self> {
        let api_key = source.text("OPENAI_API_KEY").map(SecretString::from);
        let base_url = source.text("OPENAI_BASE_URL");
        let chat_completions = source.is_other("OPENAI_API", "responses", "chat_completions");
        let model = source.text("OPENAI_MODEL");
        let connect_timeout =
            Duration::from_secs(source.number("MODEL_CONNECT_TIMEOUT_SECONDS", 10, 1..=600));
        let idle_timeout = Duration::from_secs(source.number("MODEL_IDLE_TIMEOUT_SECONDS", 60, 1..=3600));
        if api_key.is_none() && base_url.is_none() {
            return None;
        }
        let text = base_url.unwrap_or_else(|| "https://api.openai.com/v1".to_owned());
        let base_url = match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() => url,
            _ => {
                source.refuse(
                    "OPENAI_BASE_URL",
                    "must be an http or https address such as http://localhost:11434/v1",
                );
                return None;
            }
        };
        Some(Self {
            base_url,
            api_key,
            chat_completions,
            model,
            connect_timeout,
            idle_timeout,
        })
    }
}

fn tavily_url(source: &mut Source) -> Option<Url> {
    let text = source.text("TAVILY_BASE_URL")?;
    let url = Url::parse(&text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
    if url.is_none() {
        source.refuse("TAVILY_BASE_URL", "must be an http or https address");
    }
    url
}
