use chancery_access::{Subject, TenantRole};

use crate::{
    Familiarity, LoginRefused, TenantState, UserState,
    fixture::{Fixture, PASSWORD, pool_with},
};

/// The refusal, for comparison: everything a caller can see of it.
fn refusal<T: std::fmt::Debug>(answer: Result<T, LoginRefused>) -> String {
    format!("{:?}", answer.unwrap_err())
}

#[tokio::test]
async fn the_right_password_logs_in_to_the_only_tenant() {
    let f = Fixture::new().await;
    let (tenant, user) = f.member("ada@example.org").await;
    let logged_in = f.log_in("ADA@example.org", PASSWORD).await.unwrap();
    assert_eq!((logged_in.tenant, logged_in.user), (tenant, user));
    assert!(logged_in.email_verified);
    assert_eq!(logged_in.pair.tenant, tenant);
    assert_eq!(logged_in.pair.subject, Subject::Person(user));
    assert_eq!(logged_in.pair.scopes, TenantRole::Member.scopes());
}

#[tokio::test]
async fn before_the_password_is_right_every_refusal_is_the_same() {
    let f = Fixture::new().await;
    let (tenant, _) = f.member("ada@example.org").await;
    let (_, disabled) = f.member("disabled@example.org").await;
    f.change_person(disabled, |person| person.state = UserState::Disabled);
    let (_, invited) = f.member("invited@example.org").await;
    f.change_person(invited, |person| {
        person.state = UserState::Pending;
        person.password = None;
    });
    let (_, suspended) = f.member("suspended@example.org").await;
    f.change_membership(suspended, |membership| {
        membership.tenant_state = TenantState::Suspended;
    });
    let two = f.person("two@example.org").await;
    f.join_new_tenant(two, TenantRole::Owner);
    f.join_new_tenant(two, TenantRole::Viewer);
    let wrong = refusal(f.log_in("ada@example.org", "wrong").await);
    for email in [
        "nobody@example.org",
        "not an address",
        "",
        "disabled@example.org",
        "invited@example.org",
        "suspended@example.org",
        "two@example.org",
    ] {
        assert_eq!(refusal(f.log_in(email, "wrong").await), wrong, "{email}");
    }
    for password in ["", "Correct horse battery", &"a".repeat(2000)] {
        assert_eq!(refusal(f.log_in("ada@example.org", password).await), wrong);
    }
    assert_eq!(
        refusal(f.log_in_to("ada@example.org", "wrong", Some(tenant)).await),
        wrong
    );
    assert_eq!(refusal(f.log_in("invited@example.org", PASSWORD).await), wrong);
}

#[tokio::test]
async fn a_tenant_one_does_not_belong_to_is_refused_like_a_wrong_password() {
    let f = Fixture::new().await;
    f.member("ada@example.org").await;
    let (theirs, _) = f.member("eve@example.org").await;
    let wrong = refusal(f.log_in("ada@example.org", "wrong").await);
    for tenant in [theirs, f.ambient.new_id()] {
        assert_eq!(
            refusal(f.log_in_to("ada@example.org", PASSWORD, Some(tenant)).await),
            wrong
        );
    }
}

#[tokio::test]
async fn a_person_without_any_tenant_is_refused_like_a_wrong_password() {
    let f = Fixture::new().await;
    f.person("ada@example.org").await;
    let refused = f.log_in("ada@example.org", PASSWORD).await;
    assert!(matches!(refused, Err(LoginRefused::InvalidCredentials)));
}

#[tokio::test]
async fn a_closed_account_is_told_so_after_the_right_password_only() {
    let f = Fixture::new().await;
    let (_, user) = f.member("ada@example.org").await;
    f.change_person(user, |person| person.state = UserState::Disabled);
    let refused = f.log_in("ada@example.org", PASSWORD).await;
    assert!(matches!(refused, Err(LoginRefused::Disabled)));
    f.change_person(user, |person| person.state = UserState::Pending);
    let refused = f.log_in("ada@example.org", PASSWORD).await;
    assert!(matches!(refused, Err(LoginRefused::Pending)));
}

#[tokio::test]
async fn a_suspended_tenant_is_told_so_after_the_right_password_only() {
    let f = Fixture::new().await;
    let (_, user) = f.member("ada@example.org").await;
    f.change_membership(user, |membership| {
        membership.tenant_state = TenantState::Suspended;
    });
    let refused = f.log_in("ada@example.org", PASSWORD).await;
    assert!(matches!(refused, Err(LoginRefused::TenantSuspended)));
}

#[tokio::test]
async fn a_person_of_several_tenants_has_to_name_one() {
    let f = Fixture::new().await;
    let user = f.person("ada@example.org").await;
    let first = f.join_new_tenant(user, TenantRole::Owner);
    let second = f.join_new_tenant(user, TenantRole::Viewer);
    let Err(LoginRefused::TenantRequired { tenants }) = f.log_in("ada@example.org", PASSWORD).await else {
        panic!("no tenant was named");
    };
    assert_eq!(tenants, [first, second]);
    let logged_in = f
        .log_in_to("ada@example.org", PASSWORD, Some(second))
        .await
        .unwrap();
    assert_eq!(logged_in.tenant, second);
    assert_eq!(logged_in.pair.scopes, TenantRole::Viewer.scopes());
}

#[tokio::test]
async fn a_hash_under_an_earlier_pepper_is_made_anew_at_login() {
    let f = Fixture::new().await;
    let (_, user) = f.member("ada@example.org").await;
    let old = pool_with("1:yesterday")
        .hash(PASSWORD.into(), Familiarity::Familiar)
        .await
        .unwrap();
    f.change_person(user, |person| person.password = Some(old.clone()));
    f.log_in("ada@example.org", "wrong").await.unwrap_err();
    assert_eq!(f.stored_hash(user), old);
    f.log_in("ada@example.org", PASSWORD).await.unwrap();
    let new = f.stored_hash(user);
    assert!(new.as_stored().starts_with("2:"));
    f.log_in("ada@example.org", PASSWORD).await.unwrap();
    assert_eq!(f.stored_hash(user), new);
}
