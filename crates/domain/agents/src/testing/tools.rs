//! Tools that note whether their code was entered.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use chancery_access::{Principal, Scope};
use chancery_tools::{Tool, ToolCatalogue, ToolError, ToolOutput, ToolSpec};
use serde_json::{Map, Value, json};

/// What a probe does when it is called.
#[derive(Clone)]
pub(crate) enum Does {
    Answer(String),
    Hang,
    Panic,
}

/// A tool that counts its calls.
pub(crate) struct Probe {
    spec: ToolSpec,
    does: Does,
    entered: AtomicUsize,
}

impl Probe {
    pub(crate) fn answering(name: &str, answer: &str) -> Arc<Self> {
        Self::new(name, None, Does::Answer(answer.to_owned()))
    }

    pub(crate) fn hanging(name: &str) -> Arc<Self> {
        Self::new(name, None, Does::Hang)
    }

    pub(crate) fn panicking(name: &str) -> Arc<Self> {
        Self::new(name, None, Does::Panic)
    }

    pub(crate) fn for_scope(name: &str, scope: Scope) -> Arc<Self> {
        Self::new(name, Some(scope), Does::Answer("secret".to_owned()))
    }

    fn new(name: &str, scope: Option<Scope>, does: Does) -> Arc<Self> {
        let parameters = json!({
            "type": "object",
            "properties": {"query": {"type": "string"}},
            "additionalProperties": false,
        });
        let spec = ToolSpec {
            scope,
            ..ToolSpec::built_in(name, &format!("Does {name}."), "test", parameters)
        };
        Arc::new(Self {
            spec,
            does,
            entered: AtomicUsize::new(0),
        })
    }

    pub(crate) fn entered(&self) -> usize {
        self.entered.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Tool for Probe {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, _: &Principal, _: &Map<String, Value>) -> Result<ToolOutput, ToolError> {
        self.entered.fetch_add(1, Ordering::SeqCst);
        match &self.does {
            Does::Answer(answer) => Ok(ToolOutput(answer.clone())),
            Does::Hang => std::future::pending().await,
            Does::Panic => panic!("on purpose"),
        }
    }
}

/// A catalogue of tools of these names.
pub(crate) fn tools<const N: usize>(names: [&str; N]) -> ToolCatalogue {
    ToolCatalogue::new(names.map(|name| -> Arc<dyn Tool> { Probe::answering(name, "ok") })).unwrap()
}
