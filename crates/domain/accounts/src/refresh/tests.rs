use chancery_access::TenantRole;

use crate::{
    LoginRequest, RefreshRefused, TenantState, UserState,
    fixture::{Fixture, PASSWORD},
};

#[tokio::test]
async fn a_session_goes_on_with_a_new_pair() {
    let f = Fixture::new().await;
    let (tenant, user) = f.member("ada@example.org").await;
    let first = f.log_in("ada@example.org", PASSWORD).await.unwrap();
    let second = f.refresh(&first.pair.refresh_token, None).await.unwrap();
    assert_eq!((second.tenant, second.subject.person()), (tenant, Some(user)));
    assert_eq!(second.session, first.pair.session);
}

#[tokio::test]
async fn a_lowered_role_narrows_the_next_token() {
    let f = Fixture::new().await;
    let (_, user) = f.member("ada@example.org").await;
    let first = f.log_in("ada@example.org", PASSWORD).await.unwrap();
    f.change_membership(user, |membership| membership.role = TenantRole::Viewer);
    let second = f.refresh(&first.pair.refresh_token, None).await.unwrap();
    assert_eq!(second.scopes, TenantRole::Viewer.scopes());
}

#[tokio::test]
async fn a_removed_member_is_refused_and_nothing_rotates() {
    let f = Fixture::new().await;
    let (_, user) = f.member("ada@example.org").await;
    let pair = f.log_in("ada@example.org", PASSWORD).await.unwrap().pair;
    let memberships = std::mem::take(&mut f.store.state().memberships);
    let refused = f.refresh(&pair.refresh_token, None).await;
    assert!(matches!(refused, Err(RefreshRefused::OwnerGone)));
    assert_eq!(f.sessions.family(pair.session).await.generation, 1);
    f.store.state().memberships = memberships;
    let next = f.refresh(&pair.refresh_token, None).await.unwrap();
    assert_eq!(next.subject.person(), Some(user));
}

#[tokio::test]
async fn a_disabled_person_is_refused() {
    let f = Fixture::new().await;
    let (_, user) = f.member("ada@example.org").await;
    let pair = f.log_in("ada@example.org", PASSWORD).await.unwrap().pair;
    for state in [UserState::Disabled, UserState::Pending] {
        f.change_person(user, |person| person.state = state);
        let refused = f.refresh(&pair.refresh_token, None).await;
        assert!(matches!(refused, Err(RefreshRefused::OwnerGone)), "{state:?}");
    }
}

#[tokio::test]
async fn a_session_of_a_suspended_tenant_rests_until_the_tenant_is_back() {
    let f = Fixture::new().await;
    let (_, user) = f.member("ada@example.org").await;
    let pair = f.log_in("ada@example.org", PASSWORD).await.unwrap().pair;
    f.change_membership(user, |membership| {
        membership.tenant_state = TenantState::Suspended;
    });
    let refused = f.refresh(&pair.refresh_token, None).await;
    assert!(matches!(refused, Err(RefreshRefused::TenantSuspended)));
    f.change_membership(user, |membership| membership.tenant_state = TenantState::Active);
    assert!(f.refresh(&pair.refresh_token, None).await.is_ok());
}

#[tokio::test]
async fn a_text_that_is_no_token_is_refused() {
    let f = Fixture::new().await;
    let refused = f.refresh(&"nonsense".into(), None).await;
    assert!(matches!(refused, Err(RefreshRefused::Token(_))));
}

#[tokio::test]
async fn a_session_that_began_on_a_device_is_refreshed_from_that_device_alone() {
    let f = Fixture::new().await;
    f.member("ada@example.org").await;
    let request = LoginRequest {
        email: "ada@example.org",
        password: PASSWORD.into(),
        tenant: None,
        device: Some("phone".to_owned()),
        from: None,
        user_agent: None,
    };
    let token = f.service.log_in(request).await.unwrap().pair.refresh_token;
    for device in [None, Some("laptop")] {
        let refused = f.refresh(&token, device).await;
        assert!(matches!(refused, Err(RefreshRefused::Token(_))), "{device:?}");
    }
    assert!(f.refresh(&token, Some("phone")).await.is_ok());
}
