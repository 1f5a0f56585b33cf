//! An OpenAI-compatible model, and a web search, that begin and then say nothing more.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// Answers a turn that has the word "search" in it with a call of the web search, and any other with [`Silence::SAID`]; the
/// search, and the answer from there on, never go on.
pub struct Silence {
    port: u16,
    searched: Arc<Notify>,
}

impl Silence {
    /// What the model says before it falls silent.
    pub const SAID: &str = "So far, so";

    /// Starts it. It ends with the test's runtime.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let searched = Arc::new(Notify::new());
        let asked = searched.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(connection, asked.clone()));
            }
        });
        Self { port, searched }
    }

    /// Waits until the search is asked, once more.
    pub async fn searched(&self) {
        self.searched.notified().await;
    }

    /// The settings of a server whose model and search this is.
    #[must_use]
    pub fn for_model_and_search(&self, settings: crate::Settings) -> crate::Settings {
        let here = format!("http://127.0.0.1:{}", self.port);
        settings
            .with("OPENAI_BASE_URL", format!("{here}/v1"))
            .with("OPENAI_API", "chat_completions")
            .with("TAVILY_API_KEY", "tvly-of-a-test")
            .with("TAVILY_BASE_URL", here)
    }
}

async fn answer(mut connection: TcpStream, searched: Arc<Notify>) {
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut piece = [0; 4096];
        let Ok(read @ 1..) = connection.read(&mut piece).await else {
            return;
        };
        request.extend_from_slice(&piece[..read]);
    }
    let request = String::from_utf8_lossy(&request);
    if request.starts_with("POST /v1/chat/completions ") {
        let said = if request.contains(r#""content":"search"#) {
            CALL.to_owned()
        } else {
            let delta = serde_json::json!({"choices": [{"index": 0, "delta": {"content": Silence::SAID}}]});
            format!("data: {delta}\n\n")
        };
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let ends = said.ends_with("[DONE]\n\n");
        connection
            .write_all(format!("{head}{said}").as_bytes())
            .await
            .unwrap();
        if ends {
            return;
        }
    } else if request.starts_with("POST /search ") {
        searched.notify_one();
    }
    // Until the other side has had enough.
    let mut rest = [0; 64];
    while let Ok(1..) = connection.read(&mut rest).await {}
}

/// A call of the web search, and the end of the turn.
const CALL: &str = concat!(
    r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":"#,
    r#"{"name":"web_search","arguments":"{\"query\":\"x\"}"}}]}}]}"#,
    "\n\n",
    r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
    "\n\ndata: [DONE]\n\n"
);

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    body.len() >= length.map_or(0, |(_, length)| length.trim().parse().unwrap())
}
