//! A tool that is one HTTP request.

use std::{collections::BTreeMap, time::Duration};

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};
use toml::{Spanned, Table};
use url::Url;

use super::page::{Page, Variables, Written};
use crate::{ApprovalPolicy, CostClass, ToolError, ToolKind, ToolSpec};

/// What a model may ask for, and the request that answers it.
#[derive(Debug, Clone)]
pub struct HttpDeclaration {
    /// What models see.
    pub spec: ToolSpec,
    /// How it is asked.
    pub method: Method,
    /// Headers of every request.
    pub headers: BTreeMap<String, SecretString>,
    /// From the request to the last byte of the answer.
    pub timeout: Duration,
    /// The largest answer, in bytes.
    pub largest_answer: usize,
    /// Whether its host may be on a private network. Else only public addresses are asked, whatever its name resolves to.
    pub private_network: bool,
    /// The address, with `{name}` where an argument goes.
    template: String,
    placeholders: Vec<String>,
}

/// How a tool's address is asked. What has a body gets the arguments as JSON, the others in the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the methods of RFC 9110 section 9.3 and RFC 5789")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpFile {
    #[serde(rename = "kind")]
    _kind: String,
    name: Spanned<String>,
    description: Spanned<String>,
    category: Spanned<String>,
    cost: Option<CostClass>,
    approval: Option<ApprovalPolicy>,
    scope: Option<Spanned<String>>,
    method: Method,
    url: Spanned<String>,
    timeout_seconds: Option<Spanned<u64>>,
    max_response_bytes: Option<Spanned<u64>>,
    #[serde(default)]
    private_network: bool,
    #[serde(default)]
    headers: Written,
    parameters: Spanned<Table>,
}

pub(super) fn read(page: &mut Page<'_>, variables: Variables<'_>) -> Option<HttpDeclaration> {
    let file: HttpFile = page.parse()?;
    let parameters = parameters(page, &file.parameters);
    let spec = ToolSpec {
        name: page.name("name", &file.name, 64),
        description: page.line("description", &file.description),
        category: page.name("category", &file.category, 64),
        parameters,
        scope: page.scope(file.scope.as_ref()),
        cost: file.cost.unwrap_or(CostClass::Free),
        approval: file.approval.unwrap_or(ApprovalPolicy::Never),
        kind: ToolKind::Function,
    };
    let placeholders = placeholders(page, &file.url, &spec.parameters);
    let seconds = file
        .timeout_seconds
        .map_or(10, |written| page.number("timeout_seconds", &written, 1..31));
    let bytes = file.max_response_bytes.map_or(64 * 1024, |written| {
        page.number("max_response_bytes", &written, 1..1024 * 1024 + 1)
    });
    let headers = page.headers(&file.headers, variables);
    Some(HttpDeclaration {
        spec,
        method: file.method,
        headers,
        timeout: Duration::from_secs(seconds),
        largest_answer: usize::try_from(bytes).unwrap_or(usize::MAX),
        private_network: file.private_network,
        template: file.url.into_inner(),
        placeholders,
    })
}

fn parameters(page: &mut Page<'_>, written: &Spanned<Table>) -> Value {
    let schema = serde_json::to_value(written.get_ref()).unwrap_or_default();
    if schema.get("type") != Some(&Value::from("object")) {
        let remedy = "write type = \"object\" and its properties";
        page.fault(
            written.span(),
            "parameters",
            "is no JSON Schema of an object",
            remedy,
        );
    }
    schema
}

/// The names between braces. Each is an argument that is always there, and none is in the host.
fn placeholders(page: &mut Page<'_>, url: &Spanned<String>, schema: &Value) -> Vec<String> {
    let text = url.get_ref();
    let (mut names, mut filled, mut left) = (Vec::new(), String::new(), text.as_str());
    while let Some((before, rest)) = left.split_once('{') {
        let Some((name, after)) = rest.split_once('}') else {
            break;
        };
        filled.push_str(before);
        filled.push('x');
        names.push(name.to_owned());
        left = after;
    }
    filled.push_str(left);
    let Some(address) = page.address("url", url.span(), &filled) else {
        return names;
    };
    // The scheme, the host and the port as they are without any argument have to stand at the very beginning.
    let before_any = text.split('{').next().unwrap_or_default();
    let path_begins = before_any
        .find("://")
        .is_some_and(|at| before_any.get(at + 3..).is_some_and(|rest| rest.contains('/')));
    if !names.is_empty() && !path_begins {
        let problem = "an argument stands before the path";
        page.fault(
            url.span(),
            "url",
            problem,
            "arguments belong into the path or the query",
        );
    }
    if address.fragment().is_some() {
        page.fault(url.span(), "url", "has a fragment", "remove what follows #");
    }
    for name in &names {
        let kind = schema.pointer(&format!("/properties/{name}/type"));
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = required.is_some_and(|all| all.contains(&Value::from(name.as_str())));
        let is_plain = kind.is_some_and(|kind| kind == "string" || kind == "integer");
        if !is_plain || !is_required {
            let problem = format!("{{{name}}} is no required string or integer of the parameters");
            page.fault(url.span(), "url", problem, "declare it in [parameters]");
        }
    }
    names
}

impl HttpDeclaration {
    /// The address for these arguments, and the arguments that are not in it.
    ///
    /// # Errors
    /// [`ToolError::InvalidArguments`] for one that would leave its place in the path.
    pub fn address(&self, arguments: &Map<String, Value>) -> Result<(Url, Map<String, Value>), ToolError> {
        let mut left = arguments.clone();
        let mut text = self.template.clone();
        for name in &self.placeholders {
            let value = match left.remove(name) {
                Some(Value::String(value)) => value,
                Some(other) => other.to_string(),
                None => String::new(),
            };
            // A path of dots climbs, however the dots are written.
            if matches!(value.as_str(), "" | "." | "..") {
                let why = format!("{name} must name something");
                return Err(ToolError::InvalidArguments(why));
            }
            text = text.replace(&format!("{{{name}}}"), &percent_encoded(&value));
        }
        let url = Url::parse(&text).map_err(|error| ToolError::InvalidArguments(error.to_string()))?;
        Ok((url, left))
    }

    /// The host that is asked, whatever the arguments are.
    #[must_use]
    pub fn host(&self) -> Option<url::Host<String>> {
        let before_any = self.template.split('{').next().unwrap_or_default();
        let url = Url::parse(before_any).ok()?;
        url.host().map(|host| host.to_owned())
    }
}

/// Everything but the unreserved characters of RFC 3986 section 2.3 is encoded: a value stays one segment.
fn percent_encoded(value: &str) -> String {
    let encode = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    value.bytes().map(encode).collect()
}
