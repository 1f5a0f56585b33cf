//! A run and its guardrails: where each stage is, and what becomes of a run when one trips.

use chancery_ambient::Ambient;
use chancery_events::{Event, EventKind};
use chancery_ids::{RunId, TenantId};

use crate::{
    Action, Guardrails, HostedAgent, ModelInput, Stage, ToolCall, ToolCallStatus, Tripped, What,
    checkpoint::Progress,
    desk::{Desk, Stop},
    guardrail::{Cleaned, Screen, Shown},
    tool_call::Toolbox,
    turn::{Broken, Turn},
};

/// Which of the texts of a model a piece belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Answer,
    Refusal,
}

/// What a model says in one turn, behind the agent's output guardrails.
pub(crate) struct Mouth<'a> {
    answer: Screen<'a>,
    refusal: Screen<'a>,
    /// What readers saw of the answer.
    pub(crate) shown: String,
}

impl<'a> Mouth<'a> {
    pub(crate) fn of(guardrails: &'a Guardrails) -> Self {
        let rules = guardrails.rules(Stage::Output);
        Self {
            answer: Screen::new(Stage::Output, rules),
            refusal: Screen::new(Stage::Output, rules),
            shown: String::new(),
        }
    }

    /// Bytes that were said and not shown yet.
    pub(crate) fn held(&self) -> usize {
        self.answer.held() + self.refusal.held()
    }
}

impl<'a> Turn<'a> {
    /// A piece of what the model says.
    pub(crate) async fn say(
        &mut self,
        desk: &mut Desk,
        mouth: &mut Mouth<'a>,
        said: Said,
        piece: &str,
    ) -> Result<(), Broken> {
        let shown = match said {
            Said::Answer => mouth.answer.push(piece),
            Said::Refusal => mouth.refusal.push(piece),
        };
        self.show(desk, mouth, said, shown).await
    }

    /// The model says no more in this turn, in order or not: what was held back is decided.
    pub(crate) async fn fall_silent(&mut self, desk: &mut Desk, mouth: &mut Mouth<'a>) -> Result<(), Broken> {
        let shown = mouth.answer.end();
        self.show(desk, mouth, Said::Answer, shown).await?;
        let shown = mouth.refusal.end();
        self.show(desk, mouth, Said::Refusal, shown).await
    }

    async fn show(
        &mut self,
        desk: &mut Desk,
        mouth: &mut Mouth<'a>,
        said: Said,
        shown: Vec<Shown>,
    ) -> Result<(), Broken> {
        for one in shown {
            match (one, said) {
                (Shown::Text(text), Said::Answer) => {
                    mouth.shown.push_str(&text);
                    desk.say(text).await?;
                }
                (Shown::Text(text), Said::Refusal) => {
                    // To the agent that asked, a refusal is an answer like any other.
                    if desk.is_aside() {
                        mouth.shown.push_str(&text);
                    }
                    desk.refuse(text).await?;
                }
                (Shown::Tripped(tripped), _) => {
                    self.toolbox.trip(desk, self.agent, tripped).await?;
                    if tripped.action == Action::Block {
                        return self.refuse(desk, tripped).await;
                    }
                }
            }
        }
        Ok(())
    }

    /// What the person said, as the agent at work may hear it. For the beginning of a turn, and for every hand-off.
    pub(crate) async fn hear(&mut self, desk: &mut Desk, progress: &mut Progress) -> Result<(), Broken> {
        let rules = self.agent.guardrails.rules(Stage::Input);
        if rules.is_empty() {
            return Ok(());
        }
        let heard = rules.clean(Stage::Input, &progress.text);
        for tripped in &heard.tripped {
            self.toolbox.trip(desk, self.agent, *tripped).await?;
        }
        if let Some(tripped) = heard.blocked() {
            return self.refuse(desk, tripped).await;
        }
        progress.text = heard.text;
        // What was said in earlier turns was said to other agents, or refused then and is in the history nonetheless.
        for item in progress.before.iter_mut().chain(&mut progress.input) {
            if let ModelInput::User(text) = item {
                let heard = rules.clean(Stage::Input, text);
                *text = match heard.blocked() {
                    Some(tripped) => tripped.check.marker(),
                    None => heard.text,
                };
            }
        }
        Ok(())
    }

    /// Ends the run as refused.
    async fn refuse(&self, desk: &mut Desk, tripped: Tripped) -> Result<(), Broken> {
        desk.refuse(tripped.refusal()).await?;
        desk.end_message().await?;
        Err(Broken::Guarded)
    }

    /// Looks at the arguments of the call that is next, before anybody reads them. They are changed in place; a call that is
    /// refused has none.
    pub(crate) async fn look_at_call(
        &mut self,
        desk: &mut Desk,
        progress: &mut Progress,
    ) -> Result<Option<Tripped>, Stop> {
        let rules = self.agent.guardrails.rules(Stage::ToolInput);
        let Some(call) = progress.calls.front_mut().filter(|_| !rules.is_empty()) else {
            return Ok(None);
        };
        let looked = rules.clean_json(Stage::ToolInput, &call.arguments);
        for tripped in &looked.tripped {
            self.toolbox.trip(desk, self.agent, *tripped).await?;
        }
        let blocked = looked.blocked();
        if !looked.tripped.is_empty() {
            call.arguments = if blocked.is_some() {
                "{}".to_owned()
            } else {
                looked.text
            };
        }
        Ok(blocked)
    }
}

/// That a guardrail tripped, for whoever follows events; it is logged too.
pub(crate) fn announcement(
    ambient: &Ambient,
    tenant: TenantId,
    (run, agent): (RunId, &HostedAgent),
    tripped: Tripped,
) -> Event {
    let Tripped { stage, check, action } = tripped;
    tracing::warn!(agent = agent.name, %stage, %check, %action, "guardrail tripped");
    Event::new(ambient, tenant, EventKind::GuardrailTripped, run.to_string())
        .with("agent", agent.name.clone())
        .with("stage", stage.as_str())
        .with("check", check.as_str())
        .with("action", action.as_str())
}

impl Toolbox<'_> {
    /// Tells everybody that a guardrail tripped, and nobody what it found.
    pub(crate) async fn trip(
        &mut self,
        desk: &mut Desk,
        agent: &HostedAgent,
        tripped: Tripped,
    ) -> Result<(), Stop> {
        let place = (desk.log.run(), agent);
        self.refused
            .push(announcement(self.ambient, self.caller.tenant, place, tripped));
        self.tripped.push(tripped);
        Ok(desk.log.emit(What::Guardrail(tripped)).await?)
    }

    /// The answer to a call whose arguments a guardrail refused.
    pub(crate) fn refuse_arguments(
        &mut self,
        agent: &HostedAgent,
        call: &ToolCall,
        tripped: Tripped,
    ) -> String {
        self.refuse(agent, call, "a guardrail refused its arguments");
        tripped.refusal()
    }

    /// What a call gave back, as the model and readers may see it. `output` is cut to what may be of use.
    pub(crate) async fn look_at_output(
        &mut self,
        desk: &mut Desk,
        agent: &HostedAgent,
        output: String,
        ended: ToolCallStatus,
    ) -> Result<(String, ToolCallStatus), Stop> {
        let rules = agent.guardrails.rules(Stage::ToolOutput);
        if rules.is_empty() {
            return Ok((output, ended));
        }
        let looked: Cleaned = rules.clean_json(Stage::ToolOutput, &output);
        for tripped in &looked.tripped {
            self.trip(desk, agent, *tripped).await?;
        }
        Ok(match looked.blocked() {
            Some(tripped) => (tripped.refusal(), ToolCallStatus::Failed),
            None => (looked.text, ended),
        })
    }
}
