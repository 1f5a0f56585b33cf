use chancery_tools::{Declaration, Tool, ToolError, read};
use serde_json::{Value, json};
use url::Url;

use super::HttpTool;
use crate::testing::{arguments, caller, serve_once};

fn tool(url: &Url, method: &str) -> HttpTool {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let file = format!(
        "kind = \"http\"\nname = \"order\"\ndescription = \"Orders.\"\ncategory = \"shop\"\nmethod = \"{method}\"\n\
         url = \"{url}shops/{{shop}}/orders\"\nprivate_network = true\nmax_response_bytes = 64\ntimeout_seconds = 1\n\
         [headers]\nauthorization = \"Bearer ${{SHOP_KEY}}\"\n\
         [parameters]\ntype = \"object\"\nrequired = [\"shop\"]\n[parameters.properties.shop]\ntype = \"string\"\n"
    );
    let key = |_: &str| Some("s3cret".into());
    match read(&[("shop.toml", &file)], &[], &key).unwrap().remove(0) {
        Declaration::Http(http) => HttpTool::new(*http).unwrap(),
        Declaration::Mcp(_) => panic!("an http tool was declared"),
    }
}

async fn answer_of(method: &str, answer: &'static str) -> (Result<String, ToolError>, String) {
    let (url, asked) = serve_once(answer).await;
    let given = arguments(json!({"shop": "a b", "item": "tea", "sizes": [1, 2], "note": null}));
    let answered = tool(&url, method).call(&caller(), &given).await;
    (answered.map(|output| output.0), asked.await.unwrap())
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{\"n\":1}";

#[tokio::test]
async fn arguments_go_into_the_path_and_the_query_or_the_body() {
    let (answered, asked) = answer_of("GET", OK).await;
    assert_eq!(answered.unwrap(), "{\"n\":1}");
    assert!(
        asked.starts_with("GET /shops/a%20b/orders?item=tea&sizes=1&sizes=2 HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(asked.contains("authorization: Bearer s3cret\r\n"), "{asked}");

    let (answered, asked) = answer_of("POST", OK).await;
    assert_eq!(answered.unwrap(), "{\"n\":1}");
    assert!(
        asked.starts_with("POST /shops/a%20b/orders HTTP/1.1\r\n"),
        "{asked}"
    );
    let (_, body) = asked.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, json!({"item": "tea", "note": null, "sizes": [1, 2]}));
}

#[tokio::test]
async fn what_is_no_success_too_long_or_no_text_is_a_failure_that_the_model_understands() {
    for (answer, told) in [
        (
            "HTTP/1.1 409 Conflict\r\ncontent-length: 8\r\n\r\nsold out",
            "it answered 409 Conflict: sold out",
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
            "it answered 302 Found: ",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 65\r\n\r\n01234567890123456789012345678901234567890123456789012345678901234",
            "the answer has more than 64 bytes",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 1\r\n\r\nx",
            "order answered with something that is no text",
        ),
        ("", "order could not be reached"),
    ] {
        let (answered, _) = answer_of("GET", answer).await;
        assert_eq!(answered, Err(ToolError::Failed(told.to_owned())));
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", silent.local_addr().unwrap())).unwrap();
    let given = arguments(json!({"shop": "x"}));
    let answering = tool(&url, "GET");
    let caller = caller();
    assert_eq!(
        answering.call(&caller, &given).await,
        Err(ToolError::Failed("order did not answer in time".to_owned()))
    );
}
