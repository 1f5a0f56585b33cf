//! `chancery admin`.

use std::{error::Error, process::ExitCode};

use chancery_access::Subject;
use chancery_ambient::Ambient;
use chancery_ids::{SessionId, TenantId, TokenId};
use chancery_tokens::{RevokeTarget, Whose};
use clap::{Args, Subcommand};

use crate::{adapters, config::Config};

/// What only an operator does.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// End tokens before their time. Running servers refuse them within a second.
    Revoke(Revoke),
}

/// Exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Targets {
    /// One access token, by its `jti`.
    #[arg(long)]
    jti: Option<TokenId>,
    /// A session, by its `sid`: its refresh token too.
    #[arg(long)]
    session: Option<SessionId>,
    /// Everything of a subject, by its `sub`: `user:<uuid>`, `service-account:<name>` or `app_…`. Their sessions too, and what
    /// they do for others.
    #[arg(long)]
    subject: Option<Subject>,
    /// Everything of a tenant and everybody in it, by its id.
    #[arg(long)]
    tenant: Option<TenantId>,
}

/// What to end, and why.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    targets: Targets,
    /// Goes into the audit trail.
    #[arg(long, default_value = "revoked by an operator")]
    reason: String,
}

/// Does it.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub(crate) async fn run(config: &Config, action: Action) -> Result<ExitCode, Box<dyn Error>> {
    let Action::Revoke(revoke) = action;
    let target = revoke.targets.one().ok_or("name what to revoke")?;
    let tokens = adapters::tokens(config, &Ambient::system()).await?;
    if tokens.revoke(&target, &revoke.reason).await? {
        println!("revoked");
        Ok(ExitCode::SUCCESS)
    } else {
        println!("there is nothing to revoke: it does not exist, or it has ended");
        Ok(ExitCode::FAILURE)
    }
}

impl Targets {
    fn one(self) -> Option<RevokeTarget> {
        let subject = self.subject.map(Whose::Subject);
        self.jti
            .map(RevokeTarget::Token)
            .or(self.session.map(RevokeTarget::Session))
            .or(subject
                .or(self.tenant.map(Whose::Tenant))
                .map(RevokeTarget::AllOf))
    }
}
