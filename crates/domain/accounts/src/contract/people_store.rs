//! The MUST clauses of [`PeopleStore`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_access::{Subject, TenantRole};
use chancery_ambient::Ambient;
use chancery_ids::{TenantId, UserId};
use chancery_tokens::{RevocationOrder, RevocationSystemStore, TokenMarks};
use futures::future::join_all;

use super::harness::hash;
use crate::{
    Accepted, EmailAddress, Link, LinkKind, LinkSystemStore, MemberChange, MemberStore, NewMember,
    PasswordStore, PeopleStore, PlaceChange, Standing, TenantState, UserState,
};

/// The stores under test, what stands beside them in the same storage, and an owner with their tenant.
#[derive(Clone)]
pub struct Scene {
    /// People.
    pub people: Arc<dyn PeopleStore>,
    /// Passwords.
    pub passwords: Arc<dyn PasswordStore>,
    /// Mailed links.
    pub links: Arc<dyn LinkSystemStore>,
    /// Members as they stand.
    pub members: Arc<dyn MemberStore>,
    /// Revocations of the same storage.
    pub revocations: Arc<dyn RevocationSystemStore>,
    /// The tenant.
    pub tenant: TenantId,
    /// Its owner.
    pub owner: UserId,
}

pub(super) fn order() -> RevocationOrder {
    RevocationOrder::new(&Ambient::system())
}

pub(super) fn link(kind: LinkKind, email: &str) -> Link {
    let ambient = Ambient::system();
    Link {
        id: ambient.new_id(),
        kind,
        email: EmailAddress::parse(email).unwrap(),
        created_at: ambient.now(),
        expires_at: ambient.now().plus(Duration::from_hours(1)),
    }
}

impl Scene {
    pub(super) async fn add(&self, kind: LinkKind, email: &str) -> Link {
        let link = link(kind, email);
        assert!(self.links.add_link(&link, 100, &[]).await.unwrap());
        link
    }

    pub(super) fn invitation(&self, role: TenantRole) -> LinkKind {
        LinkKind::Invitation {
            tenant: self.tenant,
            role,
            invited_by: self.owner,
        }
    }

    pub(super) async fn join(&self, email: &str, role: TenantRole) -> UserId {
        let ambient = Ambient::system();
        let invitation = self.add(self.invitation(role), email).await;
        let person = NewMember {
            user: ambient.new_id(),
            password: hash("new"),
        };
        let accepted = self
            .people
            .accept_invitation(invitation.id, Some(&person), ambient.now(), &[])
            .await;
        assert_eq!(accepted.unwrap(), Accepted::Joined(person.user));
        person.user
    }

    pub(super) const fn by_owner(&self) -> Standing {
        Standing {
            user: self.owner,
            role: TenantRole::Owner,
        }
    }

    async fn change(&self, of: Standing, to: Option<TenantRole>, by: Standing) -> MemberChange {
        let change = PlaceChange {
            tenant: self.tenant,
            of,
            to,
            by,
            order: order(),
            events: Vec::new(),
        };
        self.people.change_member(&change).await.unwrap()
    }

    /// Whether a token that was issued when the person's epoch was `epoch` is revoked.
    pub(super) async fn is_revoked(&self, user: UserId, epoch: u64) -> bool {
        let marks = TokenMarks {
            token: Ambient::system().new_id(),
            session: None,
            subject: (Subject::Person(user), epoch),
            tenant: None,
            actors: Vec::new(),
            kid: "kid-1".to_owned(),
        };
        self.revocations.is_revoked(&marks).await.unwrap()
    }

    pub(super) async fn epoch(&self, user: UserId) -> u64 {
        let member = self.members.find_member(self.tenant, user).await.unwrap();
        member.unwrap().subject_epoch
    }
}

/// Somebody new is made, somebody known joins, and an invitation counts once.
pub async fn an_invitation_is_accepted_once(scene: Scene) {
    let now = Ambient::system().now();
    let invitation = scene
        .add(scene.invitation(TenantRole::Admin), "Ada@Example.org")
        .await;
    let accept = async |person: Option<&NewMember>| {
        let accepted = scene
            .people
            .accept_invitation(invitation.id, person, now, &[])
            .await;
        accepted.unwrap()
    };
    assert_eq!(accept(None).await, Accepted::PersonNeeded);
    let people: Vec<_> = (0..8)
        .map(|_| NewMember {
            user: Ambient::system().new_id(),
            password: hash("new"),
        })
        .collect();
    let accepted = join_all(people.iter().map(|person| accept(Some(person)))).await;
    let joined = accepted.iter().filter(|one| matches!(one, Accepted::Joined(_)));
    assert_eq!(joined.count(), 1);
    let members = scene.people.list_members(scene.tenant, None, 10).await.unwrap();
    assert_eq!(members.len(), 2);
    let ada = members.iter().find(|member| member.user != scene.owner).unwrap();
    assert_eq!((ada.role, ada.email_verified), (TenantRole::Admin, true));
    assert_eq!(ada.email.canonical(), "ada@example.org");

    // A known person needs no password, and keeps the place they have.
    let again = scene
        .add(scene.invitation(TenantRole::Viewer), "ada@example.org")
        .await;
    let accepted = scene.people.accept_invitation(again.id, None, now, &[]).await;
    assert_eq!(accepted.unwrap(), Accepted::Joined(ada.user));
    let stays = scene
        .members
        .find_member(scene.tenant, ada.user)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stays.role, TenantRole::Admin);
}

/// A change of role, and a removal, end the person's tokens; one from another role than the one there is changes nothing.
pub async fn a_changed_member_loses_their_tokens(scene: Scene) {
    let user = scene.join("ada@example.org", TenantRole::Admin).await;
    let change = async |role, to| scene.change(Standing { user, role }, to, scene.by_owner()).await;
    assert_eq!(
        change(TenantRole::Member, Some(TenantRole::Viewer)).await,
        MemberChange::Absent
    );
    assert_eq!(scene.epoch(user).await, 0);
    assert_eq!(
        change(TenantRole::Admin, Some(TenantRole::Viewer)).await,
        MemberChange::Changed
    );
    assert!(scene.is_revoked(user, 0).await);
    assert_eq!(scene.epoch(user).await, 1);
    assert_eq!(change(TenantRole::Viewer, None).await, MemberChange::Changed);
    assert!(
        scene
            .members
            .find_member(scene.tenant, user)
            .await
            .unwrap()
            .is_none()
    );
    assert!(scene.is_revoked(user, 1).await);
    let elsewhere = Ambient::system().new_id();
    let foreign = scene.people.list_members(elsewhere, None, 10).await;
    assert_eq!(foreign.unwrap(), []);
}

/// However many owners lower one another at once, one stays.
pub async fn a_tenant_keeps_an_owner(scene: Scene) {
    let mut owners = vec![scene.owner];
    for number in 0..5 {
        owners.push(
            scene
                .join(&format!("owner-{number}@example.org"), TenantRole::Owner)
                .await,
        );
    }
    let changes = owners.iter().map(|user| {
        let own = Standing {
            user: *user,
            role: TenantRole::Owner,
        };
        scene.change(own, None, own)
    });
    let outcomes: Vec<_> = join_all(changes).await;
    let last = outcomes.iter().filter(|one| **one == MemberChange::LastOwner);
    assert_eq!(last.count(), 1, "{outcomes:?}");
    let left = scene.people.list_members(scene.tenant, None, 10).await.unwrap();
    assert_eq!(
        left.iter().map(|member| member.role).collect::<Vec<_>>(),
        [TenantRole::Owner]
    );
    let last = left.first().map(|member| member.user).unwrap();
    let closed = scene
        .people
        .set_user_state(last, UserState::Disabled, order(), &[])
        .await;
    assert_eq!(
        closed.unwrap(),
        Some(false),
        "nor is the last one's account closed"
    );
}

/// An owner whose account is closed keeps nobody from being the last.
pub async fn a_closed_owner_does_not_count(scene: Scene) {
    let other = scene.join("ada@example.org", TenantRole::Owner).await;
    let close = async |user, state| {
        let closed = scene.people.set_user_state(user, state, order(), &[]).await;
        closed.unwrap()
    };
    assert_eq!(close(other, UserState::Disabled).await, Some(true));
    let own = scene.by_owner();
    assert_eq!(scene.change(own, None, own).await, MemberChange::LastOwner);
    assert_eq!(close(other, UserState::Active).await, Some(true));
    assert_eq!(scene.change(own, None, own).await, MemberChange::Changed);
}

/// Who lost the role in which they were found changes nobody.
pub async fn who_was_lowered_changes_nobody(scene: Scene) {
    let admin = scene.join("ada@example.org", TenantRole::Admin).await;
    let viewer = scene.join("bob@example.org", TenantRole::Viewer).await;
    let as_admin = Standing {
        user: admin,
        role: TenantRole::Admin,
    };
    let lowered = scene.change(as_admin, Some(TenantRole::Member), scene.by_owner());
    assert_eq!(lowered.await, MemberChange::Changed);
    let of = Standing {
        user: viewer,
        role: TenantRole::Viewer,
    };
    assert_eq!(scene.change(of, None, as_admin).await, MemberChange::NotAllowed);
    assert_eq!(scene.epoch(viewer).await, 0);
}

/// What somebody sent who was lowered, removed or closed since is of no use.
pub async fn an_invitation_ends_with_its_senders_power(scene: Scene) {
    let ambient = Ambient::system();
    for (number, fate) in ["lowered", "removed", "closed", "kept"].into_iter().enumerate() {
        let user = scene
            .join(&format!("admin-{number}@example.org"), TenantRole::Admin)
            .await;
        let kind = LinkKind::Invitation {
            tenant: scene.tenant,
            role: TenantRole::Admin,
            invited_by: user,
        };
        let link = scene.add(kind, &format!("second-{number}@example.org")).await;
        let of = Standing {
            user,
            role: TenantRole::Admin,
        };
        match fate {
            "lowered" => drop(scene.change(of, Some(TenantRole::Member), scene.by_owner()).await),
            "removed" => drop(scene.change(of, None, scene.by_owner()).await),
            "closed" => {
                let closed = scene
                    .people
                    .set_user_state(user, UserState::Disabled, order(), &[]);
                assert_eq!(closed.await.unwrap(), Some(true));
            }
            _ => {}
        }
        let person = NewMember {
            user: ambient.new_id(),
            password: hash("new"),
        };
        let accepted = scene
            .people
            .accept_invitation(link.id, Some(&person), ambient.now(), &[]);
        let expected = match fate {
            "kept" => Accepted::Joined(person.user),
            _ => Accepted::Gone,
        };
        assert_eq!(accepted.await.unwrap(), expected, "{fate}");
    }
}

/// An operator is one until taken back; either way their tokens end.
pub async fn an_operator_is_made_and_unmade_and_their_tokens_end(scene: Scene) {
    let user = scene.join("ada@example.org", TenantRole::Member).await;
    let is_operator = async || {
        let member = scene.members.find_member(scene.tenant, user).await.unwrap();
        member.unwrap().is_operator
    };
    assert!(!is_operator().await);
    for (number, wanted) in [true, false].into_iter().enumerate() {
        let set = scene.people.set_operator(user, wanted, order(), &[]).await;
        assert!(set.unwrap());
        assert_eq!(is_operator().await, wanted);
        assert!(scene.is_revoked(user, u64::try_from(number).unwrap()).await);
    }
    let nobody = Ambient::system().new_id();
    let unknown = scene.people.set_operator(nobody, true, order(), &[]).await;
    assert!(!unknown.unwrap());
}

/// Closing an account and stopping a tenant raise their epochs; what is not there is not closed.
pub async fn a_closed_account_and_a_stopped_tenant_lose_their_tokens(scene: Scene) {
    let user = scene.join("ada@example.org", TenantRole::Member).await;
    let closed = scene
        .people
        .set_user_state(user, UserState::Disabled, order(), &[])
        .await;
    assert_eq!(closed.unwrap(), Some(true));
    assert!(scene.is_revoked(user, 0).await);
    let stopped = scene
        .people
        .set_tenant_state(scene.tenant, TenantState::Suspended, order(), &[])
        .await;
    assert!(stopped.unwrap());
    let member = scene
        .members
        .find_member(scene.tenant, user)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (member.state, member.tenant_state),
        (UserState::Disabled, TenantState::Suspended)
    );
    assert_eq!((member.subject_epoch, member.tenant_epoch), (1, 1));
    let nobody = Ambient::system().new_id();
    let unknown = scene
        .people
        .set_user_state(nobody, UserState::Disabled, order(), &[])
        .await;
    assert_eq!(unknown.unwrap(), None);
    let nowhere = Ambient::system().new_id();
    let unknown = scene
        .people
        .set_tenant_state(nowhere, TenantState::Suspended, order(), &[])
        .await;
    assert!(!unknown.unwrap());
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Scene`] and a guard that keeps it alive.
#[macro_export]
macro_rules! people_store_contract {
    ($fresh:expr) => {
        $crate::people_store_contract!(@tests $fresh,
            an_invitation_is_accepted_once, an_invitation_ends_with_its_senders_power,
            a_changed_member_loses_their_tokens, who_was_lowered_changes_nobody,
            a_tenant_keeps_an_owner, a_closed_owner_does_not_count,
            an_operator_is_made_and_unmade_and_their_tokens_end,
            a_closed_account_and_a_stopped_tenant_lose_their_tokens);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let (scene, _guard) = $fresh.await;
            $crate::contract::people_store::$clause(scene).await;
        }
    )*};
}
