//! What the contracts are run on.
#![expect(clippy::unwrap_used, reason = "contract functions are assertions")]

use std::{sync::Arc, time::Duration};

use chancery_ambient::Ambient;
use chancery_events::{Event, EventKind, OutboxStore};

use crate::{AccountSystemStore, EmailAddress, FirstOwner, MemberStore, PasswordHash};

/// The ports of one storage, with nothing in it.
pub struct Harness {
    /// Look-ups before a tenant is known, and the first owner.
    pub system: Arc<dyn AccountSystemStore>,
    /// People of one tenant.
    pub members: Arc<dyn MemberStore>,
    /// Where the same storage leaves its events.
    pub outbox: Arc<dyn OutboxStore>,
}

impl Harness {
    /// Makes the first owner.
    pub(super) async fn with_owner(&self, email: &str) -> FirstOwner {
        let owner = owner(email);
        assert!(self.system.create_first_owner(&owner, &[]).await.unwrap());
        owner
    }

    /// The events that wait, by id.
    pub(super) async fn events(&self) -> Vec<Event> {
        let now = Ambient::system().now();
        let mut events = self
            .outbox
            .claim(now, Duration::from_mins(1), 1000)
            .await
            .unwrap();
        events.sort_by_key(|event| event.id);
        events
    }
}

/// An owner that nobody has made yet.
pub(super) fn owner(email: &str) -> FirstOwner {
    let ambient = Ambient::system();
    FirstOwner {
        tenant: ambient.new_id(),
        tenant_slug: "first".to_owned(),
        tenant_name: "The first".to_owned(),
        user: ambient.new_id(),
        email: EmailAddress::parse(email).unwrap(),
        password: hash("first"),
        at: ambient.now(),
    }
}

/// What creating `owner` announces, by id.
pub(super) fn announcement(owner: &FirstOwner) -> Vec<Event> {
    let ambient = Ambient::system();
    let mut events = vec![
        Event::new(
            &ambient,
            owner.tenant,
            EventKind::TenantCreated,
            owner.tenant.to_string(),
        ),
        Event::new(
            &ambient,
            owner.tenant,
            EventKind::UserCreated,
            owner.user.to_string(),
        ),
    ];
    events.sort_by_key(|event| event.id);
    events
}

/// A text of the form that is stored. No store looks into it.
pub(super) fn hash(salt: &str) -> PasswordHash {
    PasswordHash::from_stored(format!("0:$argon2id$v=19$m=19456,t=2,p=1${salt}$AAAA"))
}
