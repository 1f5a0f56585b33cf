//! Mailed links in memory, and where the mails go.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::TenantId;
use secrecy::ExposeSecret;

use super::{Kept, MemoryPeople};
use crate::people::{Link, LinkId, LinkKind, LinkSystemStore, Mail, Mailer};

#[async_trait]
impl LinkSystemStore for MemoryPeople {
    async fn add_link(&self, link: &Link, most: u16, events: &[Event]) -> Result<bool, Fault> {
        let added = self.add(link, most);
        if added {
            self.people.state().events.extend_from_slice(events);
        }
        Ok(added)
    }

    async fn find_link(&self, id: LinkId) -> Result<Option<Link>, Fault> {
        let links = self.links();
        let found = links.iter().find(|kept| kept.link.id == id);
        Ok(found.map(|kept| kept.link.clone()))
    }

    async fn list_invitations(&self, tenant: TenantId) -> Result<Vec<Link>, Fault> {
        let is_own =
            |link: &Link| matches!(link.kind, LinkKind::Invitation { tenant: of, .. } if of == tenant);
        let links = self.links();
        let all = links.iter().rev().map(|kept| &kept.link);
        Ok(all.filter(|link| is_own(link)).cloned().collect())
    }

    async fn withdraw_invitation(
        &self,
        tenant: TenantId,
        id: LinkId,
        events: &[Event],
    ) -> Result<bool, Fault> {
        let own = self.list_invitations(tenant).await?;
        let is_own = own.iter().any(|link| link.id == id);
        let gone = is_own && self.use_up(|link| link.id == id).is_some();
        if gone {
            self.people.state().events.extend_from_slice(events);
        }
        Ok(gone)
    }

    async fn claim_unsent(
        &self,
        now: Timestamp,
        again_at: Timestamp,
        tries: u16,
        limit: u16,
    ) -> Result<Vec<Link>, Fault> {
        let mut links = self.links();
        let waiting = links
            .iter_mut()
            .filter(|kept| !kept.sent && kept.next_try <= now && kept.tries < tries);
        let claim = |kept: &mut Kept| {
            kept.tries += 1;
            kept.next_try = again_at;
            kept.link.clone()
        };
        Ok(waiting.take(limit.into()).map(claim).collect())
    }

    async fn mark_sent(&self, id: LinkId, _: Timestamp) -> Result<(), Fault> {
        let mut links = self.links();
        let found = links.iter_mut().find(|kept| kept.link.id == id);
        if let Some(kept) = found {
            kept.sent = true;
        }
        Ok(())
    }

    async fn prune_links(&self, now: Timestamp) -> Result<u64, Fault> {
        let mut links = self.links();
        let before = links.len();
        links.retain(|kept| kept.link.expires_at > now);
        u64::try_from(before - links.len()).map_err(Fault::corrupt)
    }
}

/// Mail that lies where it was put. A box that is shut takes none.
#[derive(Default)]
pub(crate) struct MemoryMail {
    taken: Mutex<Vec<(String, String)>>,
    pub(crate) shut: AtomicBool,
}

impl MemoryMail {
    /// The mails taken since the last look, as (address, text).
    pub(crate) fn taken(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Mailer for MemoryMail {
    async fn send(&self, mail: &Mail) -> Result<(), Fault> {
        if self.shut.load(Ordering::Relaxed) {
            return Err(Fault::unavailable("the post office is shut"));
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let text = mail.text.expose_secret().to_owned();
        taken.push((mail.to.as_str().to_owned(), text));
        Ok(())
    }
}
