//! What is mailed, and the worker that mails it.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use chancery_ambient::{Fault, cause_of};
use secrecy::{ExposeSecret, SecretString};

use super::{Link, LinkKind, PeopleService};
use crate::EmailAddress;

/// A mail. Its text holds a link that opens something, so it is shown to nobody but its reader.
pub struct Mail {
    /// To whom.
    pub to: EmailAddress,
    /// What about.
    pub subject: String,
    /// What it says, in lines of plain text.
    pub text: SecretString,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mail({:?})", self.subject)
    }
}

/// Sends mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail over.
    ///
    /// MUST succeed only when somebody else is now responsible for it. A mail may come twice. MUST end within half a minute.
    async fn send(&self, mail: &Mail) -> Result<(), Fault>;
}

/// How long one worker has for what it took.
const LEASE: Duration = Duration::from_mins(2);
/// How often a mail is tried.
const TRIES: u16 = 8;
/// How many are taken at once.
const AT_ONCE: u16 = 10;

impl PeopleService {
    /// A worker's turn: mails the links that wait. Gives how many were handed over. What could not be is tried again.
    #[tracing::instrument(name = "accounts.send_mail", skip_all)]
    pub async fn send_mail(&self) -> Result<usize, Fault> {
        let now = self.parts.ambient.now();
        let again_at = now.plus(LEASE);
        let waiting = self
            .parts
            .links
            .claim_unsent(now, again_at, TRIES, AT_ONCE)
            .await?;
        let mut sent = 0;
        for link in waiting {
            match self.parts.mailer.send(&self.mail_of(&link)).await {
                Ok(()) => {
                    self.parts
                        .links
                        .mark_sent(link.id, self.parts.ambient.now())
                        .await?;
                    sent += 1;
                }
                Err(fault) => {
                    let source = cause_of(&fault);
                    tracing::warn!(link = %link.id, source, "{fault}: a mail is tried again");
                }
            }
        }
        Ok(sent)
    }

    /// A worker's turn: forgets links that expired.
    pub async fn prune_links(&self) -> Result<u64, Fault> {
        self.parts.links.prune_links(self.parts.ambient.now()).await
    }

    /// The token stands behind a `#`: browsers keep that to themselves, so no server's log has it.
    fn mail_of(&self, link: &Link) -> Mail {
        let (page, subject, why) = match &link.kind {
            LinkKind::PasswordReset(_) => (
                "reset-password",
                "Choose a new password",
                "Somebody, hopefully you, asked for a new password. Open this to choose one:",
            ),
            LinkKind::EmailVerification(_) => (
                "verify-email",
                "Confirm your address",
                "Open this to confirm that this address is yours:",
            ),
            LinkKind::Invitation { .. } => (
                "accept-invitation",
                "You are invited",
                "You were invited to join a workspace. Open this to accept:",
            ),
        };
        let base = self.settings.public_url.trim_end_matches('/');
        let token = self.settings.secret.token(link);
        let text = format!(
            "{why}\n\n{base}/{page}#token={}\n\nIt works once, until {}. If you did not expect this, ignore it.\n",
            token.expose_secret(),
            link.expires_at
        );
        Mail {
            to: link.email.clone(),
            subject: subject.to_owned(),
            text: text.into(),
        }
    }
}
