//! A model that says what its script says.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use futures::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::Notify;

use crate::{Model, ModelError, ModelEvent, ModelRequest, ToolCall, Usage};

/// One step of a turn.
pub(crate) enum Step {
    Say(ModelEvent),
    Fail(ModelError),
    /// Waits until the test lets it go on.
    Wait(Arc<Notify>),
    /// Says nothing more, for ever.
    Hang,
}

#[derive(Default)]
pub(crate) struct ScriptedModel {
    turns: Mutex<VecDeque<Vec<Step>>>,
    /// What it was asked.
    asked: Mutex<Vec<ModelRequest>>,
}

/// A piece of text.
pub(crate) fn text(delta: &str) -> Step {
    Step::Say(ModelEvent::TextDelta(delta.to_owned()))
}

/// A call with these arguments.
pub(crate) fn call(name: &str, arguments: &str) -> Step {
    let call = ToolCall {
        id: format!("call_{name}"),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    Step::Say(ModelEvent::ToolCall(call))
}

impl ScriptedModel {
    /// Adds a turn that ends in order.
    pub(crate) fn turn(&self, steps: impl IntoIterator<Item = Step>) {
        let usage = Usage {
            input_tokens: 10,
            output_tokens: 3,
            requests: 1,
            ..Usage::default()
        };
        let end = Step::Say(ModelEvent::Finished(usage));
        self.broken_turn(steps.into_iter().chain([end]));
    }

    /// Adds a turn that ends with its last step.
    pub(crate) fn broken_turn(&self, steps: impl IntoIterator<Item = Step>) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.push_back(steps.into_iter().collect());
    }

    pub(crate) fn asked(&self) -> Vec<ModelRequest> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Model for ScriptedModel {
    fn name(&self, wanted: &str) -> String {
        format!("scripted {wanted}")
    }

    async fn begin(
        &self,
        request: ModelRequest,
    ) -> Result<BoxStream<'static, Result<ModelEvent, ModelError>>, ModelError> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
        let turn = self
            .turns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let turn = turn.expect("the model was asked once more than its script has turns");
        let said = stream::iter(turn).filter_map(|step| async move {
            match step {
                Step::Say(event) => Some(Ok(event)),
                Step::Fail(error) => Some(Err(error)),
                Step::Wait(go_on) => {
                    go_on.notified().await;
                    None
                }
                Step::Hang => std::future::pending().await,
            }
        });
        Ok(said.boxed())
    }
}

#[tokio::test]
async fn a_script_is_followed() {
    let model = ScriptedModel::default();
    model.turn([text("a")]);
    let request = ModelRequest {
        model: String::new(),
        instructions: String::new(),
        input: vec![],
        tools: vec![],
    };
    let said = model.begin(request).await.unwrap();
    assert_eq!(said.count().now_or_never(), Some(2));
}
