//! Over a real connection, with a provider that does what a script says.

mod provider;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chancery_agents::{Model, ModelError, ModelEvent, ModelInput, ModelRequest, ToolCall, Usage};
use chancery_ambient::{Ambient, Clock, SeededEntropy, SystemClock, Timestamp};
use futures::{StreamExt, future::BoxFuture};
use serde_json::{Value, json};

use self::provider::{Provider, Reply};
use super::OpenAiModel;
use crate::{Api, OpenAiSettings, SettingsError};

/// The longest silence, where none is expected: a slow machine is no silence.
const PATIENT: Duration = Duration::from_secs(61);
const SHORT: Duration = Duration::from_millis(300);

/// Real time, but for the waits between retries: those are noted and over at once.
#[derive(Default)]
struct ImpatientClock {
    real: SystemClock,
    waited: Mutex<Vec<Duration>>,
}

impl Clock for ImpatientClock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn monotonic(&self) -> Duration {
        self.real.monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if [PATIENT, SHORT].contains(&duration) {
            return self.real.sleep(duration);
        }
        self.waited.lock().unwrap().push(duration);
        Box::pin(std::future::ready(()))
    }
}

impl ImpatientClock {
    fn waited(&self) -> Vec<Duration> {
        self.waited.lock().unwrap().clone()
    }
}

/// A model at that provider, and its clock.
fn model_with(
    provider: &Provider,
    change: impl FnOnce(&mut OpenAiSettings),
) -> (OpenAiModel, Arc<ImpatientClock>) {
    // Another test of this process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Arc::new(ImpatientClock::default());
    let ambient = Ambient {
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::default()),
    };
    let mut settings = OpenAiSettings {
        api_key: Some("sk-secret".into()),
        idle_timeout: PATIENT,
        ..OpenAiSettings::at(provider.url())
    };
    change(&mut settings);
    (OpenAiModel::new(settings, ambient).unwrap(), clock)
}

fn model(provider: &Provider) -> (OpenAiModel, Arc<ImpatientClock>) {
    model_with(provider, |_| {})
}

fn request() -> ModelRequest {
    ModelRequest {
        model: "gpt-x".to_owned(),
        instructions: "Be brief.".to_owned(),
        input: vec![ModelInput::User("What I asked.".to_owned())],
        tools: Vec::new(),
    }
}

/// All events, and the error that ended them.
async fn ask(model: &OpenAiModel) -> (Vec<ModelEvent>, Result<(), ModelError>) {
    let mut stream = match model.begin(request()).await {
        Ok(stream) => stream,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => events.push(event),
            Err(error) => return (events, Err(error)),
        }
    }
    (events, Ok(()))
}

fn frames(events: &[Value]) -> Vec<u8> {
    let frames: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    frames.concat().into_bytes()
}

fn hello() -> Value {
    json!({"type": "response.output_text.delta", "delta": "Hello"})
}

fn completed() -> Value {
    json!({"type": "response.completed", "response": {"status": "completed", "usage": {"input_tokens": 5, "output_tokens": 1}}})
}

fn answered() -> [ModelEvent; 2] {
    [
        ModelEvent::TextDelta("Hello".to_owned()),
        ModelEvent::Finished(Usage {
            input_tokens: 5,
            output_tokens: 1,
            requests: 1,
            ..Usage::default()
        }),
    ]
}

fn refusal(status: &str, headers: &str) -> Reply {
    Reply::Whole(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n").into_bytes())
}

#[tokio::test]
async fn a_turn_is_streamed_and_asked_for_as_it_should_be() {
    let provider = Provider::start([Reply::Stream(frames(&[hello(), completed()]))]).await;
    let (model, _) = model_with(&provider, |settings| {
        settings.model_override = Some("gpt-y".to_owned());
    });
    let (events, result) = ask(&model).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(events, answered());
    let requests = provider.requests();
    let [request] = requests.as_slice() else {
        panic!("{} requests", requests.len())
    };
    assert!(
        request.head.starts_with("POST /v1/responses HTTP/1.1\r\n"),
        "{}",
        request.head
    );
    assert!(
        request.head.contains("authorization: Bearer sk-secret\r\n"),
        "{}",
        request.head
    );
    assert_eq!(request.body["model"], "gpt-y");
    assert_eq!(request.body["stream"], true);
}

#[tokio::test]
async fn a_call_comes_over_chat_completions() {
    let call = json!([{"index": 0, "id": "c1", "function": {"name": "clock", "arguments": "{}"}}]);
    let mut stream = frames(&[
        json!({"choices": [{"index": 0, "delta": {"tool_calls": call}}]}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
    ]);
    stream.extend_from_slice(b"data: [DONE]\n\n");
    let provider = Provider::start([Reply::Stream(stream)]).await;
    let (model, _) = model_with(&provider, |settings| settings.api = Api::ChatCompletions);
    let (events, result) = ask(&model).await;
    assert!(result.is_ok(), "{result:?}");
    let expected = ToolCall {
        id: "c1".to_owned(),
        name: "clock".to_owned(),
        arguments: "{}".to_owned(),
    };
    assert_eq!(events.first(), Some(&ModelEvent::ToolCall(expected)));
    let head = provider.requests().remove(0).head;
    assert!(
        head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_provider_that_asks_to_come_back_later_is_asked_again_then() {
    let provider = Provider::start([
        refusal("429 Too Many Requests", "Retry-After: 7\r\n"),
        refusal(
            "503 Service Unavailable",
            "Retry-After: Thu, 01 Jan 1970 00:00:09 GMT\r\n",
        ),
        Reply::Stream(frames(&[hello(), completed()])),
    ])
    .await;
    let (model, clock) = model(&provider);
    let (events, result) = ask(&model).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(events, answered());
    assert_eq!(clock.waited(), [Duration::from_secs(7), Duration::from_secs(9)]);
}

#[tokio::test]
async fn after_the_last_retry_the_status_decides() {
    for (status, code) in [
        ("429 Too Many Requests", "model_rate_limited"),
        ("500 Internal Server Error", "model_unavailable"),
    ] {
        let provider = Provider::start([(); 3].map(|()| refusal(status, ""))).await;
        let (model, clock) = model(&provider);
        let (_, result) = ask(&model).await;
        assert_eq!(result.unwrap_err().code(), code);
        assert_eq!(provider.requests().len(), 3);
        assert_eq!(clock.waited().len(), 2);
    }
}

#[tokio::test]
async fn a_longer_wait_than_ours_is_not_waited() {
    let provider = Provider::start([refusal("429 Too Many Requests", "Retry-After: 3600\r\n")]).await;
    let (model, clock) = model(&provider);
    let (_, result) = ask(&model).await;
    assert_eq!(result.unwrap_err().code(), "model_rate_limited");
    assert_eq!(provider.requests().len(), 1);
    assert!(clock.waited().is_empty());
}

#[tokio::test]
async fn what_the_request_lacks_is_not_asked_for_twice() {
    for status in [
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "307 Temporary Redirect",
    ] {
        let provider = Provider::start([refusal(status, "Location: /elsewhere\r\n")]).await;
        let (model, _) = model(&provider);
        let (_, result) = ask(&model).await;
        assert_eq!(result.unwrap_err().code(), "model_refused", "{status}");
        assert_eq!(provider.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn silence_before_the_first_byte_times_out() {
    for replies in [
        [Reply::Silence(Vec::new())],
        [Reply::Silence(provider::STREAM_HEAD.to_vec())],
    ] {
        let provider = Provider::start(replies).await;
        let (model, _) = model_with(&provider, |settings| settings.idle_timeout = SHORT);
        let (events, result) = ask(&model).await;
        assert!(events.is_empty());
        assert!(matches!(result, Err(ModelError::TimedOut)), "{result:?}");
        assert_eq!(provider.requests().len(), 1);
    }
}

#[tokio::test]
async fn silence_in_the_middle_times_out() {
    let begun = [provider::STREAM_HEAD, &provider::chunk(&frames(&[hello()]))].concat();
    let provider = Provider::start([Reply::Silence(begun)]).await;
    let (model, _) = model_with(&provider, |settings| settings.idle_timeout = SHORT);
    let (events, result) = ask(&model).await;
    assert_eq!(events, answered().get(..1).unwrap());
    assert!(matches!(result, Err(ModelError::TimedOut)), "{result:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_after_text_is_broken_and_asked_once() {
    let begun = [provider::STREAM_HEAD, &provider::chunk(&frames(&[hello()]))].concat();
    let provider = Provider::start([Reply::Whole(begun)]).await;
    let (model, _) = model(&provider);
    let (events, result) = ask(&model).await;
    assert_eq!(events, answered().get(..1).unwrap());
    assert!(matches!(result, Err(ModelError::Broken(_))), "{result:?}");
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn a_stream_that_ends_cleanly_without_its_end_mark_is_no_answer() {
    let provider = Provider::start([Reply::Stream(frames(&[hello()]))]).await;
    let (model, _) = model(&provider);
    let (events, result) = ask(&model).await;
    assert_eq!(events, answered().get(..1).unwrap());
    assert!(matches!(result, Err(ModelError::Broken(_))), "{result:?}");
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_first_byte_is_made_again() {
    let provider = Provider::start([
        Reply::Whole(Vec::new()),
        Reply::Whole(provider::STREAM_HEAD.to_vec()),
        Reply::Stream(frames(&[hello(), completed()])),
    ])
    .await;
    let (model, clock) = model(&provider);
    let (events, result) = ask(&model).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(events, answered());
    assert_eq!(clock.waited().len(), 2);
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_unavailable_after_the_retries() {
    let nobody = Provider::start([]).await;
    let (model, clock) = model_with(&nobody, |settings| {
        settings.base_url = "http://127.0.0.1:1/v1?code=secret".parse().unwrap();
    });
    let (_, result) = ask(&model).await;
    let error = result.unwrap_err();
    assert_eq!(error.code(), "model_unavailable");
    assert_eq!(clock.waited().len(), 2);
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_broken() {
    let page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi".to_vec();
    let provider = Provider::start([Reply::Whole(page)]).await;
    let (model, _) = model(&provider);
    let (_, result) = ask(&model).await;
    assert_eq!(result.unwrap_err().code(), "model_stream_broken");
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn errors_hold_neither_key_nor_conversation() {
    let body =
        json!({"error": {"code": "invalid_api_key", "message": "sk-secret: What I asked."}}).to_string();
    let reply = format!(
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let provider = Provider::start([Reply::Whole(reply.into_bytes())]).await;
    let (model, _) = model(&provider);
    let (_, result) = ask(&model).await;
    let shown = format!("{:?}", result.unwrap_err());
    assert!(shown.contains("invalid_api_key"), "{shown}");
    assert!(
        !shown.contains("sk-secret") && !shown.contains("What I asked"),
        "{shown}"
    );
}

#[test]
fn a_key_that_no_header_can_carry_is_refused() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = OpenAiSettings {
        api_key: Some("sk\nInjected: yes".into()),
        ..OpenAiSettings::at("https://api.example.test/v1".parse().unwrap())
    };
    let refused = OpenAiModel::new(settings, Ambient::system()).err();
    assert!(matches!(refused, Some(SettingsError::UnsendableKey)));
}
