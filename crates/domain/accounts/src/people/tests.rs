//! What people do with passwords, links and members, over stores in memory.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use chancery_access::{Denied, Principal, TenantRole};
use chancery_guards::Rate;
use chancery_ids::{TenantId, UserId};
use secrecy::SecretString;

use super::{
    InvitationRefused, LinkRefused, LinkSecret, MembersRefused, PasswordRefused, PeopleLimits, PeopleParts,
    PeopleService, PeopleSettings, WeakPassword,
    twin::{MemoryMail, MemoryPeople},
};
use crate::{
    TenantState, UserState,
    fixture::{Fixture, PASSWORD, pool},
    service_accounts::twin::MemoryQuota,
};

const OTHER: &str = "another battery, correct horse";
const THIRD: &str = "a staple that nobody has seen";

struct Scene {
    f: Fixture,
    people: PeopleService,
    mail: Arc<MemoryMail>,
    tenant: TenantId,
    owner: UserId,
}

impl Scene {
    /// A tenant whose owner is `owner@example.org`.
    async fn set() -> Self {
        let f = Fixture::new().await;
        let (tenant, owner) = f.member("owner@example.org").await;
        f.change_membership(owner, |place| place.role = TenantRole::Owner);
        let store = Arc::new(MemoryPeople::over(
            f.store.clone(),
            f.families.clone(),
            f.sessions.revocations.clone(),
        ));
        let mail = Arc::new(MemoryMail::default());
        let parts = PeopleParts {
            system: f.store.clone(),
            members: f.store.clone(),
            stored_passwords: store.clone(),
            people: store.clone(),
            links: store,
            mailer: mail.clone(),
            stolen: None,
            passwords: pool(),
            guard: f.guard.clone(),
            quota: Arc::new(MemoryQuota::default()),
            tokens: f.sessions.tokens.clone(),
            ambient: f.ambient.clone(),
        };
        let rate = Rate::new(4, Duration::from_hours(1));
        let settings = PeopleSettings {
            public_url: "https://chancery.example".to_owned(),
            secret: LinkSecret::derived_from(&"of the tests".into()),
            reset_life: Duration::from_mins(30),
            verification_life: Duration::from_hours(24),
            invitation_life: Duration::from_hours(24),
            history: 5,
            limits: PeopleLimits {
                per_address: rate,
                per_network: rate,
                per_tenant: rate,
            },
        };
        Self {
            people: PeopleService::new(parts, settings),
            f,
            mail,
            tenant,
            owner,
        }
    }

    async fn member(&self, email: &str, role: TenantRole) -> UserId {
        let user = self.f.person(email).await;
        self.f.join(self.tenant, user, role);
        user
    }

    async fn caller(&self, email: &str) -> Principal {
        let logged_in = self.f.log_in(email, PASSWORD).await.unwrap();
        self.f.caller(&logged_in).await
    }

    /// The tokens in the mails that wait.
    async fn mailed(&self) -> Vec<(String, SecretString)> {
        self.people.send_mail().await.unwrap();
        let token = |text: String| {
            let from = text.find("#token=").unwrap() + "#token=".len();
            let token: String = text[from..].chars().take_while(|c| !c.is_whitespace()).collect();
            SecretString::from(token)
        };
        self.mail
            .taken()
            .into_iter()
            .map(|(to, text)| (to, token(text)))
            .collect()
    }

    async fn one_mail(&self) -> SecretString {
        let [(_, token)] = self.mailed().await.try_into().unwrap();
        token
    }

    async fn forget(&self, email: &str) {
        let place = self.people.place_for_wish().unwrap();
        self.people.forgot_password(email, None, place).await.unwrap();
    }

    async fn can_log_in(&self, email: &str, password: &str) -> bool {
        self.f.log_in(email, password).await.is_ok()
    }
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it_and_every_session_ends() {
    let s = Scene::set().await;
    let owner = s.caller("owner@example.org").await;
    let change = |current: &'static str, new: &'static str| {
        s.people.change_password(&owner, current.into(), new.into())
    };
    assert!(matches!(
        change(OTHER, THIRD).await,
        Err(PasswordRefused::WrongPassword)
    ));
    assert!(matches!(
        change(PASSWORD, "password1").await,
        Err(PasswordRefused::Weak(_))
    ));
    assert!(matches!(
        change(PASSWORD, PASSWORD).await,
        Err(PasswordRefused::Weak(WeakPassword::Reused))
    ));
    change(PASSWORD, OTHER).await.unwrap();
    assert!(s.can_log_in("owner@example.org", OTHER).await);
    assert!(!s.can_log_in("owner@example.org", PASSWORD).await);
    let machine = Principal {
        actors: vec![owner.subject.clone()],
        ..owner.clone()
    };
    let refused = s
        .people
        .change_password(&machine, OTHER.into(), THIRD.into())
        .await;
    assert!(matches!(refused, Err(PasswordRefused::Denied(Denied::Delegated))));
}

#[tokio::test]
async fn who_forgot_a_password_is_mailed_a_link_that_works_once() {
    let s = Scene::set().await;
    for nobody in ["nobody@example.org", "not an address"] {
        s.forget(nobody).await;
    }
    assert!(s.mailed().await.is_empty());
    s.forget("owner@example.org").await;
    let token = s.one_mail().await;
    let confirm = |token: SecretString| {
        let people = &s.people;
        async move { people.confirm_password(&token, OTHER.into()).await }
    };
    assert!(matches!(
        confirm("forged".into()).await,
        Err(PasswordRefused::Link(LinkRefused::Invalid))
    ));
    confirm(token.clone()).await.unwrap();
    assert!(s.can_log_in("owner@example.org", OTHER).await);
    assert!(matches!(
        confirm(token).await,
        Err(PasswordRefused::Link(LinkRefused::Invalid))
    ));
}

#[tokio::test]
async fn a_shut_post_office_is_tried_again_and_wishes_have_their_bounds() {
    let s = Scene::set().await;
    s.mail.shut.store(true, Ordering::Relaxed);
    for _ in 0..5 {
        s.forget("owner@example.org").await;
    }
    assert_eq!(s.people.send_mail().await.unwrap(), 0);
    s.mail.shut.store(false, Ordering::Relaxed);
    assert_eq!(s.people.send_mail().await.unwrap(), 0, "another try has its time");
    let places: Vec<_> = std::iter::from_fn(|| s.people.place_for_wish())
        .take(1000)
        .collect();
    assert!(places.len() < 1000);
    drop(places);
    assert!(s.people.place_for_wish().is_some());
    assert_eq!(s.people.prune_links().await.unwrap(), 0);
}

#[tokio::test]
async fn who_stands_above_has_a_link_mailed_and_nobody_sets_anothers_password() {
    let s = Scene::set().await;
    let member = s.member("member@example.org", TenantRole::Member).await;
    s.member("admin@example.org", TenantRole::Admin).await;
    let (owner, admin) = (
        s.caller("owner@example.org").await,
        s.caller("admin@example.org").await,
    );
    let own = s.f.log_in("member@example.org", PASSWORD).await.unwrap();
    s.people.reset_password(&admin, member).await.unwrap();
    assert!(
        s.f.refresh(&own.pair.refresh_token, None).await.is_err(),
        "its sessions ended"
    );
    assert!(
        s.can_log_in("member@example.org", PASSWORD).await,
        "the password is as it was"
    );
    let token = s.one_mail().await;
    s.people.confirm_password(&token, OTHER.into()).await.unwrap();
    assert!(s.can_log_in("member@example.org", OTHER).await);

    let refused = s.people.reset_password(&admin, s.owner).await;
    assert!(matches!(refused, Err(PasswordRefused::NotBelow)));
    let refused = s.people.reset_password(&owner, s.f.ambient.new_id()).await;
    assert!(matches!(refused, Err(PasswordRefused::Absent)));
}

#[tokio::test]
async fn an_address_is_proved_by_its_link_alone() {
    let s = Scene::set().await;
    let owner = s.caller("owner@example.org").await;
    s.people.send_verification(&owner).await.unwrap();
    assert!(s.mailed().await.is_empty(), "it is proved already");
    s.f.store.state().people[0].email_verified = false;
    s.people.send_verification(&owner).await.unwrap();
    s.forget("owner@example.org").await;
    let mails = s.mailed().await;
    let mut proved = 0;
    for (_, token) in &mails {
        proved += u32::from(s.people.verify_email(token).await.is_ok());
    }
    assert_eq!((mails.len(), proved), (2, 1), "a link is good for what it is for");
    assert!(s.f.store.state().people[0].email_verified);
}

#[tokio::test]
async fn members_are_changed_by_who_stands_above_and_an_owner_stays() {
    let s = Scene::set().await;
    let member = s.member("member@example.org", TenantRole::Member).await;
    let admin = s.member("admin@example.org", TenantRole::Admin).await;
    let (owners, admins) = (
        s.caller("owner@example.org").await,
        s.caller("admin@example.org").await,
    );
    let members = s.caller("member@example.org").await;
    let listed = s.people.list_members(&owners, None, 100).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert!(s.people.list_members(&members, None, 100).await.is_err());

    s.people
        .change_member(&admins, member, Some(TenantRole::Viewer))
        .await
        .unwrap();
    for (of, to) in [
        (member, Some(TenantRole::Owner)),
        (s.owner, Some(TenantRole::Viewer)),
        (admin, Some(TenantRole::Viewer)),
    ] {
        let refused = s.people.change_member(&admins, of, to).await;
        assert!(matches!(refused, Err(MembersRefused::NotBelow)), "{of} {to:?}");
    }
    let refused = s.people.change_member(&owners, s.owner, None).await;
    assert!(matches!(refused, Err(MembersRefused::LastOwner)));
    let refused = s.people.change_member(&owners, s.f.ambient.new_id(), None).await;
    assert!(matches!(refused, Err(MembersRefused::Absent)));
    s.people.change_member(&owners, admin, None).await.unwrap();
    assert!(!s.can_log_in("admin@example.org", PASSWORD).await);
}

#[tokio::test]
async fn an_invitation_gives_no_power_before_it_is_accepted_and_none_after_it_was_taken_back() {
    let s = Scene::set().await;
    let owner = s.caller("owner@example.org").await;
    s.people
        .invite(&owner, "new@example.org", TenantRole::Admin)
        .await
        .unwrap();
    assert!(!s.can_log_in("new@example.org", OTHER).await);
    let token = s.one_mail().await;
    let accept = |password: Option<&'static str>| {
        let (people, token) = (&s.people, token.clone());
        async move { people.accept_invitation(&token, password.map(Into::into)).await }
    };
    assert!(matches!(
        accept(None).await,
        Err(InvitationRefused::PasswordNeeded)
    ));
    assert!(matches!(
        accept(Some("short")).await,
        Err(InvitationRefused::Weak(_))
    ));
    let joined = accept(Some(OTHER)).await.unwrap();
    assert_eq!((joined.tenant, joined.role), (s.tenant, TenantRole::Admin));
    assert!(s.can_log_in("new@example.org", OTHER).await);
    assert!(accept(Some(OTHER)).await.is_err(), "it works once");
    let again = s
        .people
        .invite(&owner, "new@example.org", TenantRole::Viewer)
        .await;
    assert!(matches!(again, Err(InvitationRefused::MemberAlready)));

    let link = s
        .people
        .invite(&owner, "other@example.org", TenantRole::Viewer)
        .await
        .unwrap();
    assert_eq!(s.people.list_invitations(&owner).await.unwrap().len(), 1);
    s.people.withdraw_invitation(&owner, link.id).await.unwrap();
    let gone = s.people.withdraw_invitation(&owner, link.id).await;
    assert!(matches!(gone, Err(InvitationRefused::Absent)));
    let bad = s.people.invite(&owner, "no address", TenantRole::Viewer).await;
    assert!(matches!(bad, Err(InvitationRefused::Email(_))));
    let limited = loop {
        match s
            .people
            .invite(&owner, "many@example.org", TenantRole::Viewer)
            .await
        {
            Ok(_) => {}
            Err(refused) => break refused,
        }
    };
    assert!(matches!(
        limited,
        InvitationRefused::TooMany | InvitationRefused::Limited { .. }
    ));
}

#[tokio::test]
async fn nobody_invites_above_their_role_and_an_invitation_ends_with_its_senders_power() {
    let s = Scene::set().await;
    let admin = s.member("admin@example.org", TenantRole::Admin).await;
    let (owners, admins) = (
        s.caller("owner@example.org").await,
        s.caller("admin@example.org").await,
    );
    let above = s
        .people
        .invite(&admins, "new@example.org", TenantRole::Owner)
        .await;
    assert!(matches!(
        above,
        Err(InvitationRefused::RoleAbove(TenantRole::Owner))
    ));
    s.people
        .invite(&admins, "new@example.org", TenantRole::Admin)
        .await
        .unwrap();
    let token = s.one_mail().await;
    s.people
        .change_member(&owners, admin, Some(TenantRole::Member))
        .await
        .unwrap();
    let refused = s.people.accept_invitation(&token, Some(OTHER.into())).await;
    assert!(matches!(
        refused,
        Err(InvitationRefused::Link(LinkRefused::Invalid))
    ));
}

#[tokio::test]
async fn an_operator_closes_accounts_and_stops_tenants() {
    let s = Scene::set().await;
    let member = s.member("member@example.org", TenantRole::Member).await;
    let disable = |user| s.people.set_user_state(user, UserState::Disabled);
    assert_eq!(disable(s.owner).await.unwrap(), Some(false));
    assert_eq!(disable(member).await.unwrap(), Some(true));
    assert_eq!(disable(s.f.ambient.new_id()).await.unwrap(), None);
    assert!(!s.can_log_in("member@example.org", PASSWORD).await);
    s.people.set_user_state(member, UserState::Active).await.unwrap();
    assert!(s.can_log_in("member@example.org", PASSWORD).await);
    assert!(s.people.set_operator(member, true).await.unwrap());
    assert!(!s.people.set_operator(s.f.ambient.new_id(), true).await.unwrap());
    assert!(
        s.people
            .set_tenant_state(s.tenant, TenantState::Suspended)
            .await
            .unwrap()
    );
    assert!(!s.can_log_in("owner@example.org", PASSWORD).await);
    let nowhere = s.f.ambient.new_id();
    assert!(
        !s.people
            .set_tenant_state(nowhere, TenantState::Suspended)
            .await
            .unwrap()
    );
}
