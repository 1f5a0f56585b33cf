//! Acting for somebody else, asking what a token is worth, and giving it back.
#![cfg(test)]

use std::sync::Arc;

use chancery_access::{Principal, Scopes, Subject};
use chancery_ambient::Ambient;
use chancery_ids::{AppId, TenantId};
use chancery_tokens::{
    AccessGrant, ActingClient, Active, DelegationRefused, ExchangeRefused, ExchangeRequest, HolderRefused,
    IssuedAccess, MOST_ACTORS, RevokeTarget, ServiceGrant, TokenRefused, Verified, Whose,
    contract::{Bench, MemoryFamilies},
};
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};

async fn bench() -> Bench {
    Bench::over(Arc::new(MemoryFamilies::default()), Ambient::system().new_id()).await
}

fn scopes(text: &str) -> Scopes {
    text.parse().unwrap()
}

fn app(number: u8) -> Subject {
    Subject::App(AppId::from_random([number; 8]))
}

/// What an app gets for its own secret.
fn own_token(bench: &Bench, app: &Subject, tenant: TenantId) -> SecretString {
    let grant = AccessGrant {
        tenant,
        subject: app.clone(),
        client_id: app.to_string(),
        scopes: scopes("conversations:read"),
        subject_epoch: 0,
        tenant_epoch: 0,
        session: None,
        email_verified: None,
        actor: None,
        may_act: None,
        audiences: Vec::new(),
        ends_by: None,
    };
    bench.tokens.issue_access(grant).unwrap().token
}

async fn delegate(
    bench: &Bench,
    from: &SecretString,
    to: &Subject,
    scope: Option<Scopes>,
) -> Result<IssuedAccess, DelegationRefused> {
    let caller = bench.verify(from).await.unwrap();
    bench.tokens.delegate(&caller, from, to.clone(), scope).await
}

async fn exchange(
    bench: &Bench,
    word: &SecretString,
    by: &Subject,
    allowed: &str,
) -> Result<IssuedAccess, ExchangeRefused> {
    let actor_token = own_token(bench, by, bench.tenant);
    let client = ActingClient {
        subject: by.clone(),
        tenant: bench.tenant,
        allowed: scopes(allowed),
    };
    let request = ExchangeRequest {
        subject_token: word,
        actor_token: &actor_token,
        client,
        scope: None,
        audiences: Vec::new(),
    };
    bench.tokens.exchange(request).await
}

#[tokio::test]
async fn an_app_acts_for_the_person_who_said_so_and_for_nobody_else() {
    let bench = bench().await;
    let person = bench.log_in(None).await;
    let word = delegate(
        &bench,
        &person.access_token,
        &app(1),
        Some(scopes("conversations:read tools:read")),
    )
    .await
    .unwrap();
    let acting = exchange(
        &bench,
        &word.token,
        &app(1),
        "conversations:read conversations:write",
    )
    .await
    .unwrap();
    let caller = bench.verify(&acting.token).await.unwrap();
    assert_eq!(caller.subject, person.subject);
    assert_eq!(caller.actors, [app(1)]);
    assert_eq!(caller.scopes, scopes("conversations:read"));
    assert_eq!(caller.role, None);
    assert!(caller.require_own().is_err());
    assert!(acting.expires_at <= person.expires_at);

    let refused = exchange(&bench, &word.token, &app(2), "conversations:read").await;
    assert!(matches!(refused, Err(ExchangeRefused::NotAllowed)));
    let without_word = exchange(&bench, &person.access_token, &app(1), "conversations:read").await;
    assert!(matches!(without_word, Err(ExchangeRefused::NotAllowed)));
}

#[tokio::test]
async fn the_word_itself_opens_no_door() {
    let bench = bench().await;
    let person = bench.log_in(None).await;
    let word = delegate(&bench, &person.access_token, &app(1), None)
        .await
        .unwrap();
    let refused = bench.verify(&word.token).await;
    assert!(matches!(refused, Err(TokenRefused::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn nobody_acts_across_tenants_or_with_anothers_token() {
    let bench = bench().await;
    let person = bench.log_in(None).await;
    let word = delegate(&bench, &person.access_token, &app(1), None)
        .await
        .unwrap();
    let client = |tenant| ActingClient {
        subject: app(1),
        tenant,
        allowed: scopes("conversations:read"),
    };
    let elsewhere: TenantId = Ambient::system().new_id();
    for (actor_token, tenant) in [
        (own_token(&bench, &app(1), elsewhere), elsewhere),
        (own_token(&bench, &app(1), elsewhere), bench.tenant),
    ] {
        let request = ExchangeRequest {
            subject_token: &word.token,
            actor_token: &actor_token,
            client: client(tenant),
            scope: None,
            audiences: Vec::new(),
        };
        let refused = bench.tokens.exchange(request).await;
        assert!(
            matches!(refused, Err(ExchangeRefused::OtherTenant)),
            "{refused:?}"
        );
    }
    let request = ExchangeRequest {
        subject_token: &word.token,
        actor_token: &own_token(&bench, &app(2), bench.tenant),
        client: client(bench.tenant),
        scope: None,
        audiences: Vec::new(),
    };
    let refused = bench.tokens.exchange(request).await;
    assert!(
        matches!(refused, Err(ExchangeRefused::NotTheClient)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_an_actor_does_ends_with_the_actor_and_with_the_subject() {
    for ends_subject in [false, true] {
        let bench = bench().await;
        let person = bench.log_in(None).await;
        let word = delegate(&bench, &person.access_token, &app(1), None)
            .await
            .unwrap();
        let acting = exchange(&bench, &word.token, &app(1), "conversations:read")
            .await
            .unwrap();
        let party = if ends_subject {
            person.subject.clone()
        } else {
            app(1)
        };
        bench.revocations.know(Whose::Subject(party.clone()));
        let target = RevokeTarget::AllOf(Whose::Subject(party));
        assert!(bench.tokens.revoke(&target, "test").await.unwrap());
        assert!(matches!(
            bench.verify(&acting.token).await,
            Err(TokenRefused::Revoked)
        ));
        // Nor does the word make another one.
        let again = exchange(&bench, &word.token, &app(1), "conversations:read").await;
        assert!(again.is_err(), "{again:?}");
    }
}

#[tokio::test]
async fn a_chain_has_an_end() {
    let bench = bench().await;
    let mut held = bench.log_in(None).await.access_token;
    for number in 1..=u8::try_from(MOST_ACTORS).unwrap() {
        let word = delegate(&bench, &held, &app(number), None).await.unwrap();
        held = exchange(&bench, &word.token, &app(number), "conversations:read")
            .await
            .unwrap()
            .token;
        let caller = bench.verify(&held).await.unwrap();
        assert_eq!(caller.actors.len(), usize::from(number));
        assert_eq!(caller.actors.first(), Some(&app(number)));
    }
    let refused = delegate(&bench, &held, &app(9), None).await;
    assert!(matches!(refused, Err(DelegationRefused::TooDeep)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn scopes_and_lives_only_shrink_along_a_chain(steps in prop::collection::vec((0_u8..64, 0_u8..64, 0_u64..200), 1..=MOST_ACTORS)) {
        const ALL: [&str; 6] = [
            "conversations:read", "conversations:write", "conversations:delete", "tools:read", "billing:read", "billing:*",
        ];
        let chosen = |bits: u8| {
            let names = ALL.iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1);
            scopes(&names.map(|(_, name)| *name).collect::<Vec<_>>().join(" "))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = bench().await;
            let mut held = bench.log_in(None).await.access_token;
            let mut before: Principal = bench.verify(&held).await.unwrap();
            let mut ends = None;
            for (number, (asked, allowed, wait)) in (1_u8..).zip(steps) {
                bench.clock.advance(std::time::Duration::from_secs(wait));
                let Ok(word) = delegate(&bench, &held, &app(number), Some(chosen(asked))).await else { return };
                let Ok(acting) = exchange(&bench, &word.token, &app(number), &chosen(allowed).to_string()).await else { return };
                let now = bench.verify(&acting.token).await.unwrap();
                assert_eq!(now.scopes.within(&before.scopes), now.scopes);
                assert_eq!(now.scopes.within(&chosen(allowed)), now.scopes);
                assert!(ends.is_none_or(|ends| acting.expires_at <= ends));
                (held, before, ends) = (acting.token, now, Some(acting.expires_at));
            }
        });
    }
}

#[tokio::test]
async fn a_token_is_told_about_to_its_own_tenant_while_it_counts() {
    let bench = bench().await;
    let pair = bench.log_in(None).await;
    let told = |token: SecretString, tenant| {
        let tokens = bench.tokens.clone();
        async move {
            tokens.revocations().read().await.unwrap();
            tokens.introspect(&token, tenant).await.unwrap()
        }
    };
    let (access, refresh) = (pair.access_token.clone(), pair.refresh_token.clone());
    assert!(matches!(
        told(access.clone(), bench.tenant).await,
        Some(Active::Access(_))
    ));
    assert!(matches!(
        told(refresh.clone(), bench.tenant).await,
        Some(Active::Refresh(..))
    ));
    let elsewhere = Ambient::system().new_id();
    assert!(told(access.clone(), elsewhere).await.is_none());
    assert!(told(refresh.clone(), elsewhere).await.is_none());
    assert!(told("no token".into(), bench.tenant).await.is_none());

    // A replaced one counts no more, and asking does not end its family.
    let next = bench.refresh(&refresh, None).await.unwrap();
    let last = bench.refresh(&next.refresh_token, None).await.unwrap();
    assert!(told(refresh, bench.tenant).await.is_none());
    assert!(told(last.refresh_token, bench.tenant).await.is_some());
}

#[tokio::test]
async fn a_client_gives_back_its_own_tokens_alone() {
    let bench = bench().await;
    let token = own_token(&bench, &app(1), bench.tenant);
    let by = |client: Subject| client.to_string();
    let foreign = bench.tokens.revoke_presented(&token, &by(app(2))).await;
    assert!(matches!(foreign, Err(HolderRefused::NotTheClients)));
    assert!(bench.tokens.revoke_presented(&token, &by(app(1))).await.unwrap());
    assert!(matches!(bench.verify(&token).await, Err(TokenRefused::Revoked)));
    assert!(!bench.tokens.revoke_presented(&token, &by(app(1))).await.unwrap());

    let pair = bench.log_in(None).await;
    let foreign = bench
        .tokens
        .revoke_presented(&pair.refresh_token, &by(app(1)))
        .await;
    assert!(matches!(foreign, Err(HolderRefused::NotTheClients)));
    assert!(
        bench
            .tokens
            .revoke_presented(&pair.refresh_token, "password")
            .await
            .unwrap()
    );
    assert!(bench.refresh(&pair.refresh_token, None).await.is_err());
}

#[tokio::test]
async fn a_service_accounts_token_stays_and_can_be_had_again() {
    let bench = bench().await;
    let grant = ServiceGrant {
        account: "billing-worker".to_owned(),
        tenant: TenantId::PLATFORM,
        scopes: scopes("billing:read"),
        life: std::time::Duration::from_hours(48),
        fingerprint: Some("machine-1".to_owned()),
    };
    let (family, token) = bench.tokens.draw_service_token(grant).unwrap();
    bench.families.begin(&family, &[]).await.unwrap();
    assert_eq!(
        bench.tokens.reopen(&family).unwrap().expose_secret(),
        token.expose_secret()
    );

    for _ in 0..3 {
        let pair = bench.refresh(&token, Some("machine-1")).await.unwrap();
        assert_eq!(pair.refresh_token.expose_secret(), token.expose_secret());
        let Verified::Unconfirmed(_) = bench
            .tokens
            .verify_access(pair.access_token.expose_secret())
            .unwrap()
        else {
            panic!("nothing was read yet");
        };
        let caller = bench.verify(&pair.access_token).await.unwrap();
        assert_eq!(
            (caller.tenant, caller.role),
            (TenantId::PLATFORM, Some(chancery_access::TenantRole::Owner))
        );
        bench.clock.advance(std::time::Duration::from_hours(1));
    }
    assert!(bench.refresh(&token, Some("machine-2")).await.is_err());
    bench.clock.advance(std::time::Duration::from_hours(48));
    assert!(bench.refresh(&token, Some("machine-1")).await.is_err());
}
