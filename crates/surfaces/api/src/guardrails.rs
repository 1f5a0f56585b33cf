//! `/guardrails`: what hosted agents can be kept from, and which are.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get, web::Data};
use chancery_access::Scope;
use chancery_agents::{Action, Check, Preset, Stage};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    caller::Caller,
    problem::{Failure, Private},
    state::Api,
};

/// The checks there are, the presets made of them, and what each agent has.
#[derive(Serialize, ToSchema)]
struct GuardrailsAnswer {
    /// Where checks stand.
    stages: Vec<&'static str>,
    checks: Vec<CheckItem>,
    presets: Vec<PresetItem>,
    /// The checks of each agent, by stage.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, Vec<RuleItem>>>)]
    per_agent: BTreeMap<String, Stages>,
}

/// What a guardrail can look for.
#[derive(Serialize, ToSchema)]
struct CheckItem {
    name: &'static str,
    description: &'static str,
    /// What it can do when it finds something: `block`, `redact`.
    actions: Vec<&'static str>,
}

/// Checks for all stages under one name.
#[derive(Serialize, ToSchema)]
struct PresetItem {
    name: &'static str,
    description: &'static str,
    #[schema(value_type = BTreeMap<String, Vec<RuleItem>>)]
    stages: Stages,
}

/// A check at a stage.
#[derive(Serialize, ToSchema)]
struct RuleItem {
    check: &'static str,
    /// `block` or `redact`.
    action: &'static str,
}

type Stages = BTreeMap<&'static str, Vec<RuleItem>>;

/// Lists the guardrails.
#[utoipa::path(
    tag = "agents",
    responses(Private, (status = 200, description = "All of them", body = GuardrailsAnswer)),
    security(("bearer" = ["tools:read"])),
)]
#[get("/guardrails")]
pub(crate) async fn list_guardrails(api: Data<Api>, Caller(caller): Caller) -> Result<HttpResponse, Failure> {
    caller.require(Scope::TOOLS_READ)?;
    let checks = Check::ALL.iter().map(|check| CheckItem {
        name: check.as_str(),
        description: check.about(),
        actions: Action::ALL.iter().map(|action| action.as_str()).collect(),
    });
    let presets = Preset::ALL.iter().map(|preset| PresetItem {
        name: preset.as_str(),
        description: preset.about(),
        stages: stages(|stage| preset.checks(stage).to_vec()),
    });
    let agents = api.agents.iter().map(|agent| {
        let of_stage = |stage| agent.guardrails.checks(stage).collect();
        (agent.name.clone(), stages(of_stage))
    });
    Ok(HttpResponse::Ok().json(GuardrailsAnswer {
        stages: Stage::ALL.iter().map(|stage| stage.as_str()).collect(),
        checks: checks.collect(),
        presets: presets.collect(),
        per_agent: agents.collect(),
    }))
}

fn stages(checks: impl Fn(Stage) -> Vec<(Check, Action)>) -> Stages {
    let items = |stage: &Stage| {
        let rules = checks(*stage).into_iter();
        let items = rules.map(|(check, action)| RuleItem {
            check: check.as_str(),
            action: action.as_str(),
        });
        (stage.as_str(), items.collect())
    };
    Stage::ALL.iter().map(items).collect()
}
