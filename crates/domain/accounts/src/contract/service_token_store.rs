//! The MUST clauses of [`ServiceTokenStore`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_access::Subject;
use chancery_ambient::Ambient;
use chancery_ids::TenantId;
use chancery_tokens::{
    Binding, Family, RefreshFamilySystemStore, RevocationOrder, RevocationSystemStore, SealedToken, Seen,
    TokenMac, TokenMarks, Whose,
};

use crate::{
    NonceMark, ServiceIssue, ServiceIssued, ServiceTokenFilter, ServiceTokenStore, TenantState, TokenStatus,
};

/// The store under test, what stands beside it in the same storage, and a tenant that exists.
#[derive(Clone)]
pub struct Scene {
    /// The store.
    pub store: Arc<dyn ServiceTokenStore>,
    /// The families of the same storage.
    pub families: Arc<dyn RefreshFamilySystemStore>,
    /// Its revocations.
    pub revocations: Arc<dyn RevocationSystemStore>,
    /// A tenant.
    pub tenant: TenantId,
}

const ACCOUNT: &str = "billing-worker";

impl Scene {
    async fn issue(&self, issue: ServiceIssue) -> ServiceIssued {
        self.store.issue(&issue).await.unwrap()
    }

    async fn is_live(&self, family: &Family) -> bool {
        let found = self.families.find(family.sid).await.unwrap();
        found.is_some_and(|found| found.ended.is_none())
    }

    async fn listed(&self, tenant: TenantId, filter: &ServiceTokenFilter) -> (Vec<Family>, u64) {
        let now = Ambient::system().now();
        self.store.list_service_tokens(tenant, filter, now).await.unwrap()
    }
}

fn issue(tenant: TenantId, scopes: &str) -> ServiceIssue {
    let ambient = Ambient::system();
    let now = ambient.now();
    let family = Family {
        sid: ambient.new_id(),
        tenant,
        subject: Subject::ServiceAccount(ACCOUNT.to_owned()),
        client_id: ACCOUNT.to_owned(),
        scopes: scopes.parse().unwrap(),
        binding: Binding::None,
        generation: 1,
        current: TokenMac {
            pepper_id: "1".to_owned(),
            mac: [1; 32],
        },
        previous: None,
        sealed: SealedToken(vec![1, 2, 3]),
        signing_kid: "kid-1".to_owned(),
        created_at: now,
        rotated_at: now,
        expires_at: now.plus(Duration::from_hours(1)),
        ends_at: now.plus(Duration::from_hours(1)),
        seen: Seen::default(),
        ended: None,
    };
    ServiceIssue {
        family,
        force: false,
        nonce: None,
        order: RevocationOrder::new(&ambient),
        events: Vec::new(),
    }
}

fn all() -> ServiceTokenFilter {
    ServiceTokenFilter {
        status: TokenStatus::All,
        limit: 100,
        ..ServiceTokenFilter::default()
    }
}

/// A second request gets the first one's token, whatever the order of its scopes, and another set of scopes its own.
pub async fn a_live_token_is_had_again(scene: Scene) {
    let first = issue(scene.tenant, "billing:read billing:manage");
    assert_eq!(scene.issue(first.clone()).await, ServiceIssued::New);
    let again = scene
        .issue(issue(scene.tenant, "billing:manage billing:read"))
        .await;
    assert_eq!(again, ServiceIssued::Reused(Box::new(first.family)));
    assert_eq!(
        scene.issue(issue(scene.tenant, "billing:read")).await,
        ServiceIssued::New
    );
}

/// A token is replaced when that is asked for, when it has expired, and when it is bound otherwise; its access tokens end with
/// it.
pub async fn a_replaced_token_ends(scene: Scene) {
    let mut expired = issue(scene.tenant, "billing:read");
    expired.family.expires_at = Ambient::system().now();
    assert_eq!(scene.issue(expired.clone()).await, ServiceIssued::New);
    let second = issue(scene.tenant, "billing:read");
    assert_eq!(scene.issue(second.clone()).await, ServiceIssued::New);
    let mut bound = issue(scene.tenant, "billing:read");
    bound.family.binding = Binding::Device([7; 32]);
    assert_eq!(scene.issue(bound.clone()).await, ServiceIssued::New);
    let mut forced = issue(scene.tenant, "billing:read");
    (forced.force, forced.family.binding) = (true, Binding::Device([7; 32]));
    assert_eq!(scene.issue(forced.clone()).await, ServiceIssued::New);
    for ended in [&expired, &second, &bound] {
        assert!(!scene.is_live(&ended.family).await);
        let marks = TokenMarks {
            token: Ambient::system().new_id(),
            session: Some(ended.family.sid),
            subject: (ended.family.subject.clone(), 0),
            tenant: None,
            actors: Vec::new(),
            kid: "kid-1".to_owned(),
        };
        assert!(scene.revocations.is_revoked(&marks).await.unwrap());
    }
    assert!(scene.is_live(&forced.family).await);
}

/// A nonce counts once for its account, and one that was used changes nothing.
pub async fn a_nonce_counts_once(scene: Scene) {
    let nonce = Some(NonceMark {
        digest: [9; 32],
        until: Ambient::system().now().plus(Duration::from_mins(6)),
    });
    let first = ServiceIssue {
        nonce: nonce.clone(),
        ..issue(scene.tenant, "billing:read")
    };
    assert_eq!(scene.issue(first.clone()).await, ServiceIssued::New);
    let replayed = ServiceIssue {
        nonce: nonce.clone(),
        force: true,
        ..issue(scene.tenant, "billing:read")
    };
    assert_eq!(scene.issue(replayed).await, ServiceIssued::NonceUsed);
    assert!(scene.is_live(&first.family).await);
    let mut elsewhere = issue(scene.tenant, "billing:read");
    elsewhere.family.subject = Subject::ServiceAccount("analytics-batch".to_owned());
    "analytics-batch".clone_into(&mut elsewhere.family.client_id);
    elsewhere.nonce = nonce;
    assert_eq!(scene.issue(elsewhere).await, ServiceIssued::New);

    // A request that finds a token to have again uses its nonce up too.
    let other = Some(NonceMark {
        digest: [8; 32],
        until: Ambient::system().now().plus(Duration::from_mins(6)),
    });
    for expected in ["reused", "used"] {
        let request = ServiceIssue {
            nonce: other.clone(),
            ..issue(scene.tenant, "billing:read")
        };
        let came_of_it = match scene.issue(request).await {
            ServiceIssued::New => "new",
            ServiceIssued::Reused(_) => "reused",
            ServiceIssued::NonceUsed => "used",
        };
        assert_eq!(came_of_it, expected);
    }
}

/// A nonce is remembered until its time is over, and can then be forgotten.
pub async fn a_nonce_is_forgotten_when_it_counts_no_more(scene: Scene) {
    let now = Ambient::system().now();
    for (byte, minutes) in [(1, 1), (2, 2), (3, 3)] {
        let nonce = NonceMark {
            digest: [byte; 32],
            until: now.plus(Duration::from_mins(minutes)),
        };
        let request = ServiceIssue {
            nonce: Some(nonce),
            ..issue(scene.tenant, "billing:read")
        };
        scene.issue(request).await;
    }
    let forgotten = scene.store.prune_nonces(now.plus(Duration::from_mins(2))).await;
    assert_eq!(forgotten.unwrap(), 2);
    assert_eq!(scene.store.prune_nonces(now).await.unwrap(), 0);
}

/// Of many requests at once one token is live, for a global account too: no tenant is no excuse.
pub async fn of_many_at_once_one_token_is_live(scene: Scene) {
    for tenant in [scene.tenant, TenantId::PLATFORM] {
        for force in [false, true] {
            let scopes = if force { "billing:manage" } else { "billing:read" };
            let issues: Vec<_> = (0..16)
                .map(|_| ServiceIssue {
                    force,
                    ..issue(tenant, scopes)
                })
                .collect();
            let done = futures::future::join_all(issues.iter().map(|issue| scene.store.issue(issue))).await;
            let new = done
                .iter()
                .filter(|done| matches!(done, Ok(ServiceIssued::New)))
                .count();
            assert!(done.iter().all(Result::is_ok), "{done:?}");
            assert_eq!(new, if force { 16 } else { 1 });
            let mut live = 0;
            for issue in &issues {
                live += usize::from(scene.is_live(&issue.family).await);
            }
            assert_eq!(live, 1, "of {tenant}, forced: {force}");
        }
    }
}

/// Standing follows the tenant's row and the account's epoch, which is there without a row.
pub async fn an_account_stands_as_its_tenant_and_its_epoch_say(scene: Scene) {
    let standing = |tenant| {
        let store = scene.store.clone();
        async move { store.standing(tenant, ACCOUNT).await.unwrap() }
    };
    let fresh = standing(scene.tenant).await.unwrap();
    assert_eq!(
        (fresh.tenant_state, fresh.subject_epoch),
        (TenantState::Active, 0)
    );
    assert!(standing(Ambient::system().new_id()).await.is_none());
    assert!(standing(TenantId::PLATFORM).await.is_some());
    let whose = Whose::Subject(Subject::ServiceAccount(ACCOUNT.to_owned()));
    let global = issue(TenantId::PLATFORM, "billing:read");
    assert_eq!(scene.issue(global.clone()).await, ServiceIssued::New);
    for epoch in [1, 2] {
        let order = RevocationOrder::new(&Ambient::system());
        let raised = scene.revocations.revoke_all_of(&whose, order, &[]).await.unwrap();
        assert_eq!(raised.unwrap().epoch, epoch);
        assert_eq!(standing(scene.tenant).await.unwrap().subject_epoch, epoch);
        assert_eq!(standing(TenantId::PLATFORM).await.unwrap().subject_epoch, epoch);
    }
    assert!(!scene.is_live(&global.family).await);
}

/// Tokens are listed newest first, by account, machine and state, and none of another tenant or of people.
pub async fn tokens_are_listed_by_what_is_asked(scene: Scene) {
    let mut first = issue(scene.tenant, "billing:read");
    first.family.binding = Binding::Device([5; 32]);
    let mut second = issue(scene.tenant, "billing:manage");
    second.family.created_at = first.family.created_at.plus(Duration::from_secs(5));
    let mut person = issue(scene.tenant, "billing:read");
    person.family.subject = Subject::Person(Ambient::system().new_id());
    scene.families.begin(&person.family, &[]).await.unwrap();
    for one in [&first, &second, &issue(TenantId::PLATFORM, "billing:read")] {
        assert_eq!(scene.issue(one.clone()).await, ServiceIssued::New);
    }
    let sids = |(families, total): (Vec<Family>, u64)| {
        (
            families.iter().map(|family| family.sid).collect::<Vec<_>>(),
            total,
        )
    };
    let (one, two) = (first.family.sid, second.family.sid);
    assert_eq!(
        sids(scene.listed(scene.tenant, &all()).await),
        (vec![two, one], 2)
    );
    let page = ServiceTokenFilter {
        limit: 1,
        offset: 1,
        ..all()
    };
    assert_eq!(sids(scene.listed(scene.tenant, &page).await), (vec![one], 2));
    let of_machine = ServiceTokenFilter {
        fingerprint: Some([5; 32]),
        ..all()
    };
    assert_eq!(
        sids(scene.listed(scene.tenant, &of_machine).await),
        (vec![one], 1)
    );
    let of_other = ServiceTokenFilter {
        account: Some("analytics-batch".to_owned()),
        ..all()
    };
    assert_eq!(sids(scene.listed(scene.tenant, &of_other).await), (vec![], 0));

    let replace = ServiceIssue {
        force: true,
        ..issue(scene.tenant, "billing:manage")
    };
    assert_eq!(scene.issue(replace.clone()).await, ServiceIssued::New);
    let in_state = |status| ServiceTokenFilter { status, ..all() };
    let revoked = scene.listed(scene.tenant, &in_state(TokenStatus::Revoked)).await;
    assert_eq!(sids(revoked), (vec![two], 1));
    let (active, total) = scene.listed(scene.tenant, &in_state(TokenStatus::Active)).await;
    assert_eq!((active.len(), total), (2, 2));
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Scene`] and a guard that keeps it alive.
#[macro_export]
macro_rules! service_token_store_contract {
    ($fresh:expr) => {
        $crate::service_token_store_contract!(@tests $fresh,
            a_live_token_is_had_again, a_replaced_token_ends, a_nonce_counts_once,
            a_nonce_is_forgotten_when_it_counts_no_more, of_many_at_once_one_token_is_live,
            an_account_stands_as_its_tenant_and_its_epoch_say, tokens_are_listed_by_what_is_asked);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let (scene, _guard) = $fresh.await;
            $crate::contract::service_token_store::$clause(scene).await;
        }
    )*};
}
