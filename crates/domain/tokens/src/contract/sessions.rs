//! What sessions do, whatever keeps them: rotation, grace, reuse, binding, tampering.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chancery_access::{Principal, Proof, Scopes, Subject};
use chancery_ambient::{Ambient, Fault, Timestamp};
use chancery_events::{Event, EventKind};
use chancery_ids::{SessionId, TenantId};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Authority, EndReason, EndRefused, Family, RefreshFamilySystemStore, RefreshRefused, Revocation, Rotation,
    SealedToken,
    contract::{Bench, bench::GRACE},
};

type Store = Arc<dyn RefreshFamilySystemStore>;

/// One word for how a refresh ended.
fn verdict<T>(result: Result<T, RefreshRefused>) -> &'static str {
    match result {
        Ok(_) => "pair",
        Err(RefreshRefused::Invalid) => "invalid",
        Err(RefreshRefused::Expired) => "expired",
        Err(RefreshRefused::Ended) => "ended",
        Err(RefreshRefused::WrongDevice) => "wrong device",
        Err(RefreshRefused::Reused) => "reused",
        Err(RefreshRefused::Fault(_)) => "fault",
    }
}

/// Generation, age and binding: every combination has its one answer, and only reuse ends the family.
pub async fn every_generation_age_and_device_has_its_one_answer(store: Store, tenant: TenantId) {
    const WITHIN: Duration = Duration::from_secs(9);
    const BEYOND: Duration = Duration::from_secs(11);
    let right = Some("phone");
    let cases = [
        // presented (0 = first of three tokens), age, device, answer, family ended
        (2, WITHIN, right, "pair", false),
        (2, BEYOND, right, "pair", false),
        (2, WITHIN, None, "wrong device", false),
        (2, BEYOND, Some("other"), "wrong device", false),
        (1, WITHIN, right, "pair", false),
        (1, GRACE, right, "pair", false),
        (1, BEYOND, right, "reused", true),
        (1, WITHIN, None, "wrong device", false),
        (1, BEYOND, Some("other"), "wrong device", false),
        (0, WITHIN, right, "reused", true),
        (0, BEYOND, right, "reused", true),
        (0, WITHIN, Some("other"), "wrong device", false),
        (0, BEYOND, None, "wrong device", false),
    ];
    for (presented, age, device, answer, ended) in cases {
        let bench = Bench::over(store.clone(), tenant).await;
        let first = bench.log_in(right).await;
        let second = bench.refresh(&first.refresh_token, right).await.unwrap();
        let third = bench.refresh(&second.refresh_token, right).await.unwrap();
        let tokens = [&first.refresh_token, &second.refresh_token, &third.refresh_token];
        bench.clock.advance(age);
        let given = verdict(bench.refresh(tokens[presented], device).await);
        let case = format!("token {presented} after {age:?} from {device:?}");
        assert_eq!(given, answer, "{case}");
        assert_eq!(bench.family(first.session).await.ended.is_some(), ended, "{case}");
    }
}

/// A retry inside the grace gets the byte-identical successor, any number of times, and a fresh access token.
pub async fn a_retry_inside_the_grace_gets_the_same_successor(store: Store, tenant: TenantId) {
    let bench = Bench::over(store, tenant).await;
    let first = bench.log_in(None).await;
    let second = bench.refresh(&first.refresh_token, None).await.unwrap();
    for _ in 0..3 {
        let again = bench.refresh(&first.refresh_token, None).await.unwrap();
        assert_eq!(
            again.refresh_token.expose_secret(),
            second.refresh_token.expose_secret()
        );
        assert_ne!(
            again.access_token.expose_secret(),
            second.access_token.expose_secret()
        );
    }
    assert_eq!(bench.family(first.session).await.generation, 2);
}

/// The first token again, inside ten seconds, but after its successor was used: somebody has a copy.
pub async fn a_token_replayed_after_its_successor_was_used_ends_the_family(store: Store, tenant: TenantId) {
    let bench = Bench::over(store, tenant).await;
    let first = bench.log_in(None).await;
    let second = bench.refresh(&first.refresh_token, None).await.unwrap();
    let third = bench.refresh(&second.refresh_token, None).await.unwrap();
    assert_eq!(verdict(bench.refresh(&first.refresh_token, None).await), "reused");
    assert_eq!(verdict(bench.refresh(&third.refresh_token, None).await), "ended");
    assert_eq!(
        bench.family(first.session).await.ended.map(|(_, reason)| reason),
        Some(EndReason::Reuse)
    );
}

/// 64 refreshes of one token at once: one successor for all, one rotation, no end.
pub async fn sixty_four_refreshes_at_once_get_one_successor(store: Store, tenant: TenantId) {
    let bench = Bench::over(store, tenant).await;
    let first = bench.log_in(None).await;
    let tries = (0..64).map(|_| bench.refresh(&first.refresh_token, None));
    let pairs: Vec<_> = futures::future::join_all(tries)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let successor = pairs[0].refresh_token.expose_secret();
    assert!(
        pairs
            .iter()
            .all(|pair| pair.refresh_token.expose_secret() == successor)
    );
    assert_eq!(bench.family(first.session).await.generation, 2);
}

/// After a logout the token is refused, and nothing further is announced or changed.
pub async fn a_token_replayed_after_logout_is_refused_and_nothing_else_happens(
    store: Store,
    tenant: TenantId,
) {
    let bench = Bench::over(store, tenant).await;
    let first = bench.log_in(None).await;
    let second = bench.refresh(&first.refresh_token, None).await.unwrap();
    let owner = principal(&bench, &second.access_token).await;
    assert!(
        bench
            .tokens
            .end_session(&second.refresh_token, &owner)
            .await
            .unwrap()
    );
    let before = bench.family(first.session).await;
    for token in [&first.refresh_token, &second.refresh_token] {
        bench.clock.advance(Duration::from_mins(1));
        assert_eq!(verdict(bench.refresh(token, None).await), "ended");
    }
    assert_eq!(bench.family(first.session).await, before);
    assert_eq!(bench.outbox.announced(), []);
    assert!(
        !bench
            .tokens
            .end_session(&second.refresh_token, &owner)
            .await
            .unwrap()
    );
}

/// A token that names a real session but was written by somebody else is refused, and the family lives.
pub async fn a_forged_token_with_a_real_session_ends_nothing(store: Store, tenant: TenantId) {
    let bench = Bench::over(store.clone(), tenant).await;
    let first = bench.log_in(None).await;
    let second = bench.refresh(&first.refresh_token, None).await.unwrap();
    let third = bench.refresh(&second.refresh_token, None).await.unwrap();
    // The same words under another signature: what a thief of a public key could write at best.
    for genuine in [&first.refresh_token, &second.refresh_token, &third.refresh_token] {
        let forged = with_generation_claim(genuine, "AAAA");
        bench.clock.advance(Duration::from_mins(1));
        assert_eq!(verdict(bench.refresh(&forged, None).await), "invalid");
    }
    assert_eq!(bench.family(first.session).await.ended, None);
    assert_eq!(verdict(bench.refresh(&third.refresh_token, None).await), "pair");
}

/// A token with another subject under the same session does not fit the stored code.
pub async fn a_token_with_another_subject_does_not_match(store: Store, tenant: TenantId) {
    let bench = Bench::over(store, tenant).await;
    let (mine, yours) = (bench.log_in(None).await, bench.log_in(None).await);
    let text = mine.refresh_token.expose_secret();
    let my_payload = text.split('.').nth(1).unwrap();
    let your_text = yours.refresh_token.expose_secret();
    let swapped = your_text.replace(your_text.split('.').nth(1).unwrap(), my_payload);
    assert_eq!(verdict(bench.refresh(&swapped.into(), None).await), "invalid");
    assert_eq!(bench.family(mine.session).await.ended, None);
}

/// A family whose pepper is gone is refused, never ended.
pub async fn an_unknown_pepper_refuses_and_ends_nothing(store: Store, tenant: TenantId) {
    let edit = |family: &mut Family| "gone".clone_into(&mut family.current.pepper_id);
    let bench = Bench::over(Arc::new(Edited { store, edit }), tenant).await;
    let first = bench.log_in(None).await;
    assert_eq!(
        verdict(bench.refresh(&first.refresh_token, None).await),
        "invalid"
    );
    assert_eq!(bench.family(first.session).await.ended, None);
}

/// A stored code that was edited fits nothing: nothing is issued.
pub async fn an_edited_check_value_issues_nothing(store: Store, tenant: TenantId) {
    let edit = |family: &mut Family| family.current.mac[0] ^= 1;
    let bench = Bench::over(Arc::new(Edited { store, edit }), tenant).await;
    let first = bench.log_in(None).await;
    assert_eq!(
        verdict(bench.refresh(&first.refresh_token, None).await),
        "invalid"
    );
    assert_eq!(bench.family(first.session).await.generation, 1);
}

/// A sealed copy that was edited is not handed out, and the operator learns of it.
pub async fn an_edited_sealed_copy_issues_nothing_and_is_announced(store: Store, tenant: TenantId) {
    let edit = |family: &mut Family| {
        if let Some(last) = family.sealed.0.last_mut() {
            *last ^= 1;
        }
    };
    let bench = Bench::over(Arc::new(Edited { store, edit }), tenant).await;
    let first = bench.log_in(None).await;
    bench.refresh(&first.refresh_token, None).await.unwrap();
    assert_eq!(verdict(bench.refresh(&first.refresh_token, None).await), "fault");
    let announced: Vec<_> = bench.outbox.announced().iter().map(|event| event.kind).collect();
    assert_eq!(announced, [EventKind::RefreshCorrupt]);
}

/// A sealed copy moved from another family opens nowhere else.
pub async fn another_familys_sealed_copy_issues_nothing(store: Store, tenant: TenantId) {
    let donor = Bench::over(store.clone(), tenant).await;
    let other = donor.family(donor.log_in(None).await.session).await.sealed;
    let edit = move |family: &mut Family| family.sealed = SealedToken(other.0.clone());
    let bench = Bench::over(Arc::new(Edited { store, edit }), tenant).await;
    let first = bench.log_in(None).await;
    bench.refresh(&first.refresh_token, None).await.unwrap();
    assert_eq!(verdict(bench.refresh(&first.refresh_token, None).await), "fault");
}

/// A role that was lowered shows in the next access token, and one that was raised adds nothing to the family.
pub async fn a_refreshed_access_token_allows_what_live_rows_and_the_family_both_allow(
    store: Store,
    tenant: TenantId,
) {
    let bench = Bench::over(store, tenant).await;
    let first = bench.log_in(None).await;
    let lowered = Authority {
        scopes: scopes("conversations:read platform:operator"),
        ..Bench::authority()
    };
    let open = bench
        .tokens
        .open_refresh(&first.refresh_token, None)
        .await
        .unwrap();
    let pair = bench.tokens.refresh(open, lowered).await.unwrap();
    assert_eq!(pair.scopes, scopes("conversations:read"));
    assert_eq!(
        principal(&bench, &pair.access_token).await.scopes,
        scopes("conversations:read")
    );
}

/// Refresh tokens end with their life, and whole families with theirs, however often they were refreshed.
pub async fn a_family_has_an_absolute_end(store: Store, tenant: TenantId) {
    let bench = Bench::over(store, tenant).await;
    let day = Duration::from_hours(24);
    let mut pair = bench.log_in(None).await;
    let unused = bench.log_in(None).await;
    for _ in 0..3 {
        bench.clock.advance(day * 29);
        pair = bench.refresh(&pair.refresh_token, None).await.unwrap();
    }
    assert_eq!(
        verdict(bench.refresh(&unused.refresh_token, None).await),
        "expired"
    );
    bench.clock.advance(day * 3);
    assert_eq!(verdict(bench.refresh(&pair.refresh_token, None).await), "expired");
}

/// Nobody logs another person out.
pub async fn a_session_is_ended_by_its_owner_alone(store: Store, tenant: TenantId) {
    let bench = Bench::over(store, tenant).await;
    let (mine, yours) = (bench.log_in(None).await, bench.log_in(None).await);
    let me = principal(&bench, &mine.access_token).await;
    let refused = bench.tokens.end_session(&yours.refresh_token, &me).await;
    assert!(matches!(refused, Err(EndRefused::NotYours)));
    let elsewhere = Principal {
        tenant: Ambient::system().new_id(),
        ..me
    };
    let refused = bench.tokens.end_session(&mine.refresh_token, &elsewhere).await;
    assert!(matches!(refused, Err(EndRefused::NotYours)));
}

async fn principal(bench: &Bench, access_token: &SecretString) -> Principal {
    let principal = bench.verify(access_token).await.unwrap();
    assert_eq!(principal.proof, Proof::Full);
    principal
}

fn scopes(text: &str) -> Scopes {
    text.parse().unwrap()
}

/// The token with another `gmac`, and so with a signature that does not fit.
fn with_generation_claim(token: &SecretString, claim: &str) -> SecretString {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let parts: Vec<&str> = token.expose_secret().split('.').collect();
    let mut claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    claims["gmac"] = claim.into();
    format!(
        "{}.{}.{}",
        parts[0],
        URL_SAFE_NO_PAD.encode(claims.to_string()),
        parts[2]
    )
    .into()
}

/// A store in which somebody edits each row behind the server's back.
struct Edited<E> {
    store: Store,
    edit: E,
}

#[async_trait]
impl<E: Fn(&mut Family) + Send + Sync> RefreshFamilySystemStore for Edited<E> {
    async fn begin(&self, family: &Family, events: &[Event]) -> Result<(), Fault> {
        self.store.begin(family, events).await
    }

    async fn find(&self, sid: SessionId) -> Result<Option<Family>, Fault> {
        let mut found = self.store.find(sid).await?;
        if let Some(family) = &mut found {
            (self.edit)(family);
        }
        Ok(found)
    }

    async fn has_device(&self, subject: &Subject, digest: &[u8; 32]) -> Result<bool, Fault> {
        self.store.has_device(subject, digest).await
    }

    async fn rotate(&self, sid: SessionId, rotation: &Rotation) -> Result<bool, Fault> {
        self.store.rotate(sid, rotation).await
    }

    async fn end(
        &self,
        sid: SessionId,
        reason: EndReason,
        revocation: &Revocation,
        events: &[Event],
    ) -> Result<bool, Fault> {
        self.store.end(sid, reason, revocation, events).await
    }

    async fn count_over(&self, before: Timestamp) -> Result<u64, Fault> {
        self.store.count_over(before).await
    }

    async fn forget_over(&self, before: Timestamp, limit: u16) -> Result<u64, Fault> {
        self.store.forget_over(before, limit).await
    }
}

/// Turns the rules into tests over any store; `$fresh` as in `refresh_family_system_store_contract!`.
#[macro_export]
macro_rules! sessions_contract {
    ($fresh:expr) => {
        $crate::sessions_contract!(@tests $fresh,
            every_generation_age_and_device_has_its_one_answer, a_retry_inside_the_grace_gets_the_same_successor,
            a_token_replayed_after_its_successor_was_used_ends_the_family, sixty_four_refreshes_at_once_get_one_successor,
            a_token_replayed_after_logout_is_refused_and_nothing_else_happens,
            a_forged_token_with_a_real_session_ends_nothing, a_token_with_another_subject_does_not_match,
            an_unknown_pepper_refuses_and_ends_nothing, an_edited_check_value_issues_nothing,
            an_edited_sealed_copy_issues_nothing_and_is_announced, another_familys_sealed_copy_issues_nothing,
            a_refreshed_access_token_allows_what_live_rows_and_the_family_both_allow, a_family_has_an_absolute_end,
            a_session_is_ended_by_its_owner_alone);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let (store, tenant, _guard) = $fresh.await;
            $crate::contract::sessions::$clause(store, tenant).await;
        }
    )*};
}
