//! `chancery admin`.

use std::{error::Error, process::ExitCode};

use chancery_access::Subject;
use chancery_accounts::{PeopleService, TenantState, UserState};
use chancery_ambient::{Ambient, Fault};
use chancery_audit::Verdict;
use chancery_ids::{SessionId, TenantId, TokenId, UserId};
use chancery_tokens::{RevokeTarget, Whose};
use clap::{Args, Subcommand};

use crate::{
    adapters,
    config::Config,
    retention::{Pass, PassEnd},
};

/// What only an operator does.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// End tokens before their time. Running servers refuse them within a second.
    Revoke(Revoke),
    /// Stop a tenant, or let it go on. Everybody's access tokens in it end within a second.
    Tenant {
        #[command(subcommand)]
        action: TenantAction,
    },
    /// Walk a tenant's audit trail and say whether anybody changed it.
    VerifyAudit {
        /// The tenant.
        tenant: TenantId,
    },
    /// Forget what is older than the settings `…_RETENTION_DAYS` say: conversations, the events of runs, sessions, records of use.
    /// Servers do this by themselves.
    Retention {
        /// Only count it.
        #[arg(long)]
        dry_run: bool,
    },
    /// Close a person's account, or open it again. Their sessions and access tokens end within a second.
    User {
        #[command(subcommand)]
        action: UserAction,
    },
}

/// What happens to a tenant.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum TenantAction {
    /// Nobody logs in to it, and nothing is issued in it.
    Suspend {
        /// The tenant.
        tenant: TenantId,
    },
    /// It goes on.
    Reactivate {
        /// The tenant.
        tenant: TenantId,
    },
}

/// What happens to a person.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum UserAction {
    /// They cannot log in. Refused for the last owner of a tenant.
    Disable {
        /// The person.
        user: UserId,
    },
    /// They can log in again.
    Enable {
        /// The person.
        user: UserId,
    },
    /// They run the platform: they may look into any tenant, with a reason that goes into its audit trail. Their sessions end.
    MakeOperator {
        /// The person.
        user: UserId,
    },
    /// They run the platform no more. Their sessions end.
    UnmakeOperator {
        /// The person.
        user: UserId,
    },
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
    let ambient = Ambient::system();
    let (done, told) = match action {
        Action::Revoke(revoke) => {
            let target = revoke.targets.one().ok_or("name what to revoke")?;
            let tokens = adapters::tokens(config, &ambient).await?;
            if tokens.revoke(&target, &revoke.reason).await? {
                (true, "revoked")
            } else {
                (
                    false,
                    "there is nothing to revoke: it does not exist, or it has ended",
                )
            }
        }
        Action::Tenant { action } => {
            let (tenant, state, told) = match action {
                TenantAction::Suspend { tenant } => (tenant, TenantState::Suspended, "suspended"),
                TenantAction::Reactivate { tenant } => (tenant, TenantState::Active, "reactivated"),
            };
            let people = adapters::people(config, &ambient).await?;
            if people.set_tenant_state(tenant, state).await? {
                (true, told)
            } else {
                (false, "there is no such tenant")
            }
        }
        Action::VerifyAudit { tenant } => {
            return Ok(
                match adapters::audit_trail(config, &ambient)
                    .await?
                    .verify(tenant)
                    .await?
                {
                    Verdict::Whole { days, entries, head } => {
                        let head = head.map_or_else(|| "nothing".to_owned(), |head| head.to_string());
                        println!("whole: {entries} entries of {days} days, up to {head}");
                        ExitCode::SUCCESS
                    }
                    Verdict::Broken { day, number, fault } => {
                        println!("broken: entry {number} of {day} is {fault}");
                        ExitCode::FAILURE
                    }
                },
            );
        }
        Action::Retention { dry_run } => {
            let retention = adapters::retention(config, &ambient).await?;
            return if dry_run {
                Ok(tell_counts(&retention.count().await?))
            } else {
                tell_passes(retention.forget().await)
            };
        }
        Action::User { action } => {
            let people = adapters::people(config, &ambient).await?;
            change_user(&people, action).await?
        }
    };
    println!("{told}");
    Ok(if done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn tell_counts(counts: &[(&'static str, Option<u64>)]) -> ExitCode {
    for (what, count) in counts {
        match count {
            Some(count) => println!("{what}: {count} would be forgotten"),
            None => println!("{what}: kept for ever"),
        }
    }
    ExitCode::SUCCESS
}

/// The first fault of several is told after everything else.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn tell_passes(passes: Vec<Pass>) -> Result<ExitCode, Box<dyn Error>> {
    let mut failed = None;
    for Pass { what, forgotten, end } in passes {
        let rest = match end {
            PassEnd::Complete => "",
            PassEnd::Elsewhere => "; a server is at it",
            PassEnd::Failed(fault) => {
                failed.get_or_insert(fault);
                "; then it failed"
            }
        };
        println!("{what}: {forgotten} forgotten{rest}");
    }
    match failed {
        Some(fault) => Err(fault.into()),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Whether it was done, and what to say.
async fn change_user(people: &PeopleService, action: UserAction) -> Result<(bool, &'static str), Fault> {
    let operator = |done: bool, told| if done { (true, told) } else { (false, NOBODY) };
    let (user, state, told) = match action {
        UserAction::Disable { user } => (user, UserState::Disabled, "disabled"),
        UserAction::Enable { user } => (user, UserState::Active, "enabled"),
        UserAction::MakeOperator { user } => {
            return Ok(operator(people.set_operator(user, true).await?, "an operator"));
        }
        UserAction::UnmakeOperator { user } => {
            return Ok(operator(
                people.set_operator(user, false).await?,
                "no operator any more",
            ));
        }
    };
    Ok(match people.set_user_state(user, state).await? {
        Some(true) => (true, told),
        Some(false) => (false, "refused: a tenant would lose its last owner"),
        None => (false, NOBODY),
    })
}

const NOBODY: &str = "there is no such person";

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
