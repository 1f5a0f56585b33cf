use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::{Declaration, HttpDeclaration, McpDeclaration, McpTransport, Method, read};
use crate::{ApprovalPolicy, CostClass, ToolError, ToolKind};

const WEATHER: &str = r#"kind = "http"
name = "get_weather"
description = "Tells the weather of a city."
category = "weather"
cost = "metered"
method = "GET"
url = "https://api.example.org/v1/{city}/now?units=si"

[headers]
Authorization = "Bearer ${WEATHER_KEY}"

[parameters]
type = "object"
required = ["city"]
[parameters.properties.city]
type = "string"
"#;

const FILES: &str = r#"kind = "mcp"
name = "files"
category = "files"
transport = "stdio"
command = ["node", "server.js", "/srv"]

[env]
TOKEN = "${FILES_TOKEN}"

[[tools]]
name = "read-File"
approval = "never"

[[tools]]
name = "delete"
as = "delete_file"
cost = "expensive"
"#;

fn variables(name: &str) -> Option<SecretString> {
    match name {
        "WEATHER_KEY" => Some("w-key".into()),
        "FILES_TOKEN" => Some("f-token".into()),
        _ => None,
    }
}

fn weather() -> HttpDeclaration {
    match read(&[("w.toml", WEATHER)], &[], &variables).unwrap().remove(0) {
        Declaration::Http(http) => *http,
        Declaration::Mcp(_) => panic!("an http tool was declared"),
    }
}

fn files() -> McpDeclaration {
    match read(&[("f.toml", FILES)], &[], &variables).unwrap().remove(0) {
        Declaration::Mcp(mcp) => mcp,
        Declaration::Http(_) => panic!("a server was declared"),
    }
}

fn arguments(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn a_request_is_declared_with_its_secret_from_the_environment() {
    let weather = weather();
    assert_eq!(weather.spec.name, "get_weather");
    assert_eq!(
        (weather.spec.cost, weather.spec.approval, weather.method),
        (CostClass::Metered, ApprovalPolicy::Never, Method::Get)
    );
    assert_eq!(weather.headers["Authorization"].expose_secret(), "Bearer w-key");
    assert_eq!(weather.spec.parameters["properties"]["city"]["type"], "string");
    assert_eq!(weather.host().unwrap().to_string(), "api.example.org");
    assert!(!format!("{weather:?}").contains("w-key"));
}

#[test]
fn an_argument_stays_in_its_place_of_the_address() {
    let weather = weather();
    for (city, path) in [
        ("Bern", "/v1/Bern/now"),
        ("a/b", "/v1/a%2Fb/now"),
        ("../admin", "/v1/..%2Fadmin/now"),
        ("x?y#z", "/v1/x%3Fy%23z/now"),
        ("São Paulo", "/v1/S%C3%A3o%20Paulo/now"),
        ("@evil.example", "/v1/%40evil.example/now"),
        ("{city}", "/v1/%7Bcity%7D/now"),
        ("%2e%2e", "/v1/%252e%252e/now"),
    ] {
        let given = arguments(json!({"city": city, "day": 1}));
        let (url, left) = weather.address(&given).unwrap();
        assert_eq!((url.path(), url.query()), (path, Some("units=si")), "{city}");
        assert_eq!(url.host_str(), Some("api.example.org"));
        assert_eq!(Value::Object(left), json!({"day": 1}));
    }
    for climbing in ["", ".", ".."] {
        let refused = weather.address(&arguments(json!({"city": climbing})));
        assert!(
            matches!(refused, Err(ToolError::InvalidArguments(_))),
            "{climbing:?}"
        );
    }
}

#[test]
fn a_server_is_declared_with_the_tools_that_are_taken_from_it() {
    let files = files();
    let McpTransport::Stdio {
        program,
        arguments,
        variables,
    } = &files.transport
    else {
        panic!("it speaks over stdio");
    };
    assert_eq!((program.as_str(), arguments.len()), ("node", 2));
    assert_eq!(variables["TOKEN"].expose_secret(), "f-token");
    let [reads, deletes] = files.tools.as_slice() else {
        panic!("two tools are taken");
    };
    assert_eq!(
        (reads.remote_name.as_str(), reads.spec.name.as_str()),
        ("read-File", "files_read_file")
    );
    assert_eq!(reads.spec.approval, ApprovalPolicy::Never);
    assert_eq!(deletes.spec.name, "delete_file");
    assert_eq!(
        (deletes.spec.approval, deletes.spec.cost),
        (ApprovalPolicy::Always, CostClass::Expensive)
    );
    let label = ToolKind::Mcp {
        server_label: "files".into(),
    };
    assert_eq!(deletes.spec.kind, label);
}

/// The text of `file` with one piece of it changed.
fn changed(file: &str, old: &str, new: &str) -> String {
    assert!(file.contains(old), "{old}");
    file.replacen(old, new, 1)
}

/// How the first line begins that each of these files is refused with.
fn assert_refused<const N: usize>(cases: [(String, &str); N]) {
    for (text, beginning) in cases {
        let refused = read(&[("x.toml", &text)], &["get_current_time"], &variables).unwrap_err();
        let told = refused.to_string();
        let told = told.lines().next().unwrap();
        assert!(told.starts_with(beginning), "{told}\nwanted: {beginning}");
        assert!(told.contains("; "), "a remedy: {told}");
    }
}

#[test]
fn every_fault_of_a_request_is_one_line_with_file_line_key_and_remedy() {
    assert_refused([
        ("not toml".to_owned(), "x.toml:1: "),
        (
            changed(WEATHER, "kind = \"http\"", "kind = \"soap\""),
            "x.toml:1: kind: \"soap\" is no kind of tool; use http or mcp",
        ),
        (
            changed(WEATHER, "kind = \"http\"\n", ""),
            "x.toml:1: missing field `kind`; add it",
        ),
        (
            changed(WEATHER, "method = \"GET\"\n", ""),
            "x.toml:1: missing field `method`; add it",
        ),
        (
            changed(WEATHER, "\"GET\"", "\"TRACE\""),
            "x.toml:6: unknown variant `TRACE`",
        ),
        (
            changed(WEATHER, "cost", "price"),
            "x.toml:5: unknown field `price`",
        ),
        (
            changed(WEATHER, "\"metered\"", "\"cheap\""),
            "x.toml:5: unknown variant `cheap`",
        ),
        (
            changed(WEATHER, "get_weather", "Get Weather"),
            "x.toml:2: name: \"Get Weather\" is not a name; use 1 to 64 of a-z, 0-9 and _",
        ),
        (
            changed(WEATHER, "Tells the weather of a city.", " "),
            "x.toml:3: description: is empty; write something",
        ),
        (
            changed(WEATHER, "https://", "ftp://"),
            "x.toml:7: url: is no http or https address; write one such as \"https://api.example.org/v1\"",
        ),
        (
            changed(WEATHER, "https://api", "https://me:secret@api"),
            "x.toml:7: url: holds a name or a password; put it into a header",
        ),
        (
            changed(WEATHER, "api.example.org", "{city}.example.org"),
            "x.toml:7: url: an argument stands before the path; arguments belong into the path or the query",
        ),
        (
            changed(WEATHER, "{city}/now", "{town}/now"),
            "x.toml:7: url: {town} is no required string or integer of the parameters; declare it in [parameters]",
        ),
        (
            changed(WEATHER, "units=si", "units=si#top"),
            "x.toml:7: url: has a fragment; remove what follows #",
        ),
        (
            changed(WEATHER, "method =", "timeout_seconds = 31\nmethod ="),
            "x.toml:6: timeout_seconds: is 31; use 1 to 30",
        ),
        (
            changed(WEATHER, "${WEATHER_KEY}", "${NOBODY}"),
            "x.toml:10: headers: the variable NOBODY is not set; set it in the environment",
        ),
        (
            changed(WEATHER, "Authorization", "Host"),
            "x.toml:10: headers: Host is set by the client itself; remove it",
        ),
        (
            changed(WEATHER, "type = \"object\"", "type = \"array\""),
            "x.toml:12: parameters: is no JSON Schema of an object; write type = \"object\" and its properties",
        ),
    ]);
}

#[test]
fn every_fault_of_a_server_is_one_line_with_file_line_key_and_remedy() {
    assert_refused([
        (
            changed(FILES, "\"stdio\"", "\"pigeon\""),
            "x.toml:4: unknown variant `pigeon`",
        ),
        (
            changed(FILES, "command = [\"node\", \"server.js\", \"/srv\"]\n", ""),
            "x.toml:4: command: is missing; write command = [\"program\", \"argument\"]",
        ),
        (
            changed(FILES, "\"stdio\"", "\"streamable_http\""),
            "x.toml:5: command: belongs to stdio; remove it, or use transport = \"stdio\"",
        ),
        (
            changed(FILES, "transport", "url = \"http://x\"\ntransport"),
            "x.toml:4: url: belongs to streamable_http; remove it, or use transport = \"streamable_http\"",
        ),
        (
            changed(FILES, "delete_file", "delete-file"),
            "x.toml:16: tools.as: \"delete-file\" is not a name; use 1 to 64 of a-z, 0-9 and _",
        ),
        (
            changed(FILES, "delete_file", "get_current_time"),
            "x.toml:16: name: the tool get_current_time is declared by this program too; give each tool a name of its own",
        ),
    ]);
    // Two names of one file that fall together.
    let text = changed(FILES, "\"delete_file\"", "\"files_read_file\"");
    let refused = read(&[("x.toml", &text)], &[], &variables)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("files_read_file is declared by x.toml too"),
        "{refused}"
    );
}

#[test]
fn two_files_cannot_declare_one_name() {
    let refused = read(&[("a.toml", WEATHER), ("b.toml", WEATHER)], &[], &variables).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "b.toml:2: name: the tool get_weather is declared by a.toml too; give each tool a name of its own"
    );
}
