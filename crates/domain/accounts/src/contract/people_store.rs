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
    PasswordChange, PasswordSet, PeopleStore, ProvedBy, TenantState, UserState,
};

/// The stores under test, what stands beside them in the same storage, and an owner with their tenant.
#[derive(Clone)]
pub struct Scene {
    /// People.
    pub people: Arc<dyn PeopleStore>,
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

fn order() -> RevocationOrder {
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

    async fn join(&self, email: &str, role: TenantRole) -> UserId {
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

    async fn set(&self, user: UserId, by: ProvedBy, salt: &str) -> PasswordSet {
        let change = PasswordChange {
            user,
            by,
            new: hash(salt),
            keep: 3,
            order: order(),
            events: Vec::new(),
        };
        self.people.set_password(&change).await.unwrap()
    }

    /// Whether a token that was issued when the person's epoch was `epoch` is revoked.
    async fn is_revoked(&self, user: UserId, epoch: u64) -> bool {
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

    async fn epoch(&self, user: UserId) -> u64 {
        let member = self.members.find_member(self.tenant, user).await.unwrap();
        member.unwrap().subject_epoch
    }
}

/// Another password is set by who knows the one before or opened a link, once; what was before is remembered and every token ends.
pub async fn a_password_is_set_once_for_each_proof(scene: Scene) {
    let user = scene.join("ada@example.org", TenantRole::Member).await;
    let link = scene.add(LinkKind::PasswordReset(user), "ada@example.org").await;
    let spare = scene.add(LinkKind::PasswordReset(user), "ada@example.org").await;
    assert_eq!(
        scene.set(user, ProvedBy::Password(hash("wrong")), "a").await,
        PasswordSet::NotProved
    );
    assert_eq!(scene.epoch(user).await, 0);
    assert_eq!(
        scene.set(user, ProvedBy::Link(link.id), "a").await,
        PasswordSet::Set
    );
    for useless in [link.id, spare.id] {
        assert_eq!(
            scene.set(user, ProvedBy::Link(useless), "b").await,
            PasswordSet::NotProved
        );
    }
    assert!(scene.is_revoked(user, 0).await && !scene.is_revoked(user, 1).await);
    assert_eq!(
        scene.set(user, ProvedBy::Password(hash("a")), "b").await,
        PasswordSet::Set
    );
    assert_eq!(
        scene.set(user, ProvedBy::Password(hash("b")), "c").await,
        PasswordSet::Set
    );
    let last = scene.people.last_passwords(user, 5).await.unwrap();
    assert_eq!(last, [hash("c"), hash("b"), hash("a")], "three are kept");
    assert_eq!(scene.people.last_passwords(user, 1).await.unwrap(), [hash("c")]);
    let nobody = Ambient::system().new_id();
    assert_eq!(scene.people.last_passwords(nobody, 5).await.unwrap(), []);
}

/// Of many at once one has the link.
pub async fn of_many_with_one_link_one_sets_the_password(scene: Scene) {
    let link = scene
        .add(LinkKind::PasswordReset(scene.owner), "first@example.org")
        .await;
    let tries = (0..16).map(|number| {
        let (scene, salt) = (scene.clone(), format!("try-{number}"));
        async move { scene.set(scene.owner, ProvedBy::Link(link.id), &salt).await }
    });
    let set = join_all(tries).await;
    assert_eq!(set.iter().filter(|one| **one == PasswordSet::Set).count(), 1);
    assert_eq!(scene.epoch(scene.owner).await, 1);
}

/// A link proves the address it was mailed to, once.
pub async fn an_address_is_proved_once_by_its_own_link(scene: Scene) {
    let link = scene
        .add(LinkKind::EmailVerification(scene.owner), "another@example.org")
        .await;
    let now = Ambient::system().now();
    assert!(scene.people.verify_email(link.id, now, &[]).await.unwrap());
    assert!(!scene.people.verify_email(link.id, now, &[]).await.unwrap());
    let unknown = Ambient::system().new_id();
    assert!(!scene.people.verify_email(unknown, now, &[]).await.unwrap());
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
    let change = async |from, to| {
        let changed = scene
            .people
            .change_member(scene.tenant, user, from, to, order(), &[])
            .await;
        changed.unwrap()
    };
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
        scene
            .people
            .change_member(scene.tenant, *user, TenantRole::Owner, None, order(), &[])
    });
    let outcomes: Vec<_> = join_all(changes).await.into_iter().map(Result::unwrap).collect();
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
    let ended = scene
        .people
        .end_sessions_in(scene.tenant, user, order(), &[])
        .await;
    assert_eq!(ended.unwrap(), 0);
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Scene`] and a guard that keeps it alive.
#[macro_export]
macro_rules! people_store_contract {
    ($fresh:expr) => {
        $crate::people_store_contract!(@tests $fresh,
            a_password_is_set_once_for_each_proof, of_many_with_one_link_one_sets_the_password,
            an_address_is_proved_once_by_its_own_link, an_invitation_is_accepted_once,
            a_changed_member_loses_their_tokens, a_tenant_keeps_an_owner,
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
