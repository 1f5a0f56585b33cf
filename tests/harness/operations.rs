//! What the server says it can do, as its own description lists it.

use reqwest::Method;
use serde_json::Value;

use crate::client;

/// One operation of `/openapi.json`.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its method.
    pub method: Method,
    /// Its path, with `{parameters}`.
    pub path: String,
    /// Whether it wants a bearer token.
    pub wants_bearer: bool,
    /// The lowest 2xx status it answers with.
    pub success: u16,
    /// The names of what stands in braces in its path.
    pub parameters: Vec<String>,
}

impl Operation {
    /// `GET /path`, as tables name it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Every operation that a running server describes.
    pub async fn all(url: &str) -> Vec<Self> {
        let described = client().get(format!("{url}/openapi.json")).send().await.unwrap();
        let described: Value = described.json().await.unwrap();
        let mut operations = Vec::new();
        for (path, methods) in described["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                operations.push(Self::of(path, method, operation));
            }
        }
        operations
    }

    fn of(path: &str, method: &str, operation: &Value) -> Self {
        let statuses = operation["responses"].as_object().unwrap().keys();
        let success = statuses
            .filter_map(|status| status.parse().ok())
            .filter(|status| (200..300).contains(status));
        Self {
            method: method.to_uppercase().parse().unwrap(),
            path: path.to_owned(),
            wants_bearer: operation["security"]
                .as_array()
                .is_some_and(|schemes| !schemes.is_empty()),
            success: success.min().unwrap(),
            parameters: path
                .split('{')
                .skip(1)
                .map(|rest| rest.split('}').next().unwrap().to_owned())
                .collect(),
        }
    }
}
