use chancery_access::TenantRole;
use chancery_events::EventKind;
use secrecy::ExposeSecret;

use super::{FirstOwnerMade, FirstOwnerRequest};
use crate::{FirstOwnerRefused, OwnerPassword, WeakPassword, fixture::Fixture};

async fn ensure(
    f: &Fixture,
    email: &str,
    password: OwnerPassword,
) -> Result<Option<FirstOwnerMade>, FirstOwnerRefused> {
    f.service
        .ensure_first_owner(FirstOwnerRequest { email, password })
        .await
}

#[tokio::test]
async fn the_first_owner_logs_in_with_the_password_that_was_drawn() {
    let f = Fixture::new().await;
    assert!(!f.service.has_first_owner().await.unwrap());
    let made = ensure(&f, "ada@example.org", OwnerPassword::Drawn)
        .await
        .unwrap()
        .unwrap();
    assert!(f.service.has_first_owner().await.unwrap());
    let drawn = made.drawn_password.unwrap();
    let logged_in = f.log_in("ada@example.org", drawn.expose_secret()).await.unwrap();
    assert_eq!((logged_in.tenant, logged_in.user), (made.tenant, made.user));
    assert!(logged_in.email_verified);
    assert_eq!(logged_in.pair.scopes, TenantRole::Owner.scopes());
}

#[tokio::test]
async fn the_first_owner_logs_in_with_the_password_that_was_chosen() {
    let f = Fixture::new().await;
    let chosen = OwnerPassword::Chosen("a good choice of words".into());
    let made = ensure(&f, "ada@example.org", chosen).await.unwrap().unwrap();
    assert!(made.drawn_password.is_none());
    assert!(
        f.log_in("ada@example.org", "a good choice of words")
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn there_is_one_first_owner_and_the_second_request_changes_nothing() {
    let f = Fixture::new().await;
    ensure(&f, "ada@example.org", OwnerPassword::Drawn)
        .await
        .unwrap()
        .unwrap();
    assert!(
        ensure(&f, "eve@example.org", OwnerPassword::Drawn)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(f.store.state().people.len(), 1);
}

#[tokio::test]
async fn a_weak_choice_or_no_address_makes_nobody() {
    let f = Fixture::new().await;
    let refused = ensure(&f, "ada@example.org", OwnerPassword::Chosen("short".into())).await;
    assert!(matches!(
        refused,
        Err(FirstOwnerRefused::Weak(WeakPassword::Short))
    ));
    let refused = ensure(&f, "ada", OwnerPassword::Drawn).await;
    assert!(matches!(refused, Err(FirstOwnerRefused::Email(_))));
    assert!(!f.service.has_first_owner().await.unwrap());
}

#[tokio::test]
async fn tenant_and_owner_are_announced_with_the_change() {
    let f = Fixture::new().await;
    let made = ensure(&f, "ada@example.org", OwnerPassword::Drawn)
        .await
        .unwrap()
        .unwrap();
    let events = f.store.state().events.clone();
    let announced: Vec<_> = events
        .iter()
        .map(|event| (event.tenant, event.kind, event.subject.clone()))
        .collect();
    assert_eq!(
        announced,
        [
            (made.tenant, EventKind::TenantCreated, made.tenant.to_string()),
            (made.tenant, EventKind::UserCreated, made.user.to_string()),
        ]
    );
}
