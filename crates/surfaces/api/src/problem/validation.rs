//! 422: what is wrong with the input, all of it at once.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Failure;
use crate::secret_names::is_secret_name;

/// The largest piece of input that is shown back, in bytes of JSON.
const SHOWN_BYTES: usize = 128;

/// One thing that is wrong with the input; `details` of a `ValidationError` is a list of these.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Violation {
    /// What kind of rule is broken, such as `missing` or `string_too_long`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Where: `body`, `query` or `path`, then names and indexes down to the place.
    #[schema(value_type = Vec<Object>)]
    loc: Vec<Value>,
    /// For people.
    msg: Cow<'static, str>,
    /// What was sent there; left out when it is secret or long.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Value>,
    /// The rule's own numbers and words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    ctx: Option<Value>,
}

impl Violation {
    /// A broken rule of `kind`, somewhere in `place` (`body`, `query`, `path`).
    pub(crate) fn new(place: &'static str, kind: &'static str, msg: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            loc: vec![place.into()],
            msg: msg.into(),
            input: None,
            ctx: None,
        }
    }

    /// One step further down.
    pub(crate) fn at(mut self, step: impl Into<Value>) -> Self {
        self.loc.push(step.into());
        self
    }

    /// What stands there, as far as it may be shown.
    pub(crate) fn input(mut self, input: Option<Value>) -> Self {
        self.input = input;
        self
    }

    /// The rule's numbers.
    pub(crate) fn ctx(mut self, ctx: Value) -> Self {
        self.ctx = Some(ctx);
        self
    }
}

/// Broken rules of one request.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<Violation>);

impl Violations {
    /// Notes one more.
    pub(crate) fn add(&mut self, violation: Violation) {
        self.0.push(violation);
    }

    /// What was checked, if nothing is wrong with it.
    pub(crate) fn or<T>(self, checked: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(checked) } else { Err(self) }
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Self(vec![violation])
    }
}

impl From<Violations> for Failure {
    fn from(violations: Violations) -> Self {
        let details = serde_json::to_value(violations.0).unwrap_or_default();
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Request validation failed.").with_details(details)
    }
}

/// `value`, found under `names`, if it may be shown: short, neither object nor list, and under no name of a secret.
pub(crate) fn scalar_input<'n>(mut names: impl Iterator<Item = &'n str>, value: &Value) -> Option<Value> {
    let is_scalar = !value.is_object() && !value.is_array();
    let is_short = value.as_str().map_or(0, str::len) <= SHOWN_BYTES;
    (is_scalar && is_short && !names.any(is_secret_name)).then(|| value.clone())
}
