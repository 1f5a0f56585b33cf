//! The MUST clauses of `LinkSystemStore`, the port of mailed links.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::time::Duration;

use chancery_access::TenantRole;
use chancery_ambient::{Ambient, Timestamp};
use futures::future::join_all;

use super::people_store::{Scene, link};
use crate::LinkKind;

/// So many links of a kind are live for an address, however it is written; each kind has its own count.
pub async fn an_address_has_so_many_live_links(scene: Scene) {
    let reset = || LinkKind::PasswordReset(scene.owner);
    for (email, taken) in [
        ("a@example.org", true),
        ("A@example.org", true),
        ("a@Example.org", false),
    ] {
        let link = link(reset(), email);
        assert_eq!(
            scene.links.add_link(&link, 2, &[]).await.unwrap(),
            taken,
            "{email}"
        );
        assert_eq!(scene.links.find_link(link.id).await.unwrap().is_some(), taken);
    }
    // Nor do invitations from one tenant keep others from inviting.
    let invitation = |tenant| LinkKind::Invitation {
        tenant,
        role: TenantRole::Member,
        invited_by: scene.owner,
    };
    let ours = async || {
        let link = link(invitation(scene.tenant), "b@example.org");
        scene.links.add_link(&link, 1, &[]).await.unwrap()
    };
    assert_eq!((ours().await, ours().await), (true, false));
    let other = link(LinkKind::EmailVerification(scene.owner), "a@example.org");
    assert!(scene.links.add_link(&other, 2, &[]).await.unwrap());
    assert_eq!(scene.links.find_link(other.id).await.unwrap(), Some(other));
}

/// Invitations are the tenant's own to see and to take back.
pub async fn invitations_belong_to_their_tenant(scene: Scene) {
    let invitation = scene
        .add(scene.invitation(TenantRole::Member), "ada@example.org")
        .await;
    scene
        .add(LinkKind::PasswordReset(scene.owner), "ada@example.org")
        .await;
    let elsewhere = Ambient::system().new_id();
    assert_eq!(scene.links.list_invitations(elsewhere).await.unwrap(), []);
    assert!(
        !scene
            .links
            .withdraw_invitation(elsewhere, invitation.id, &[])
            .await
            .unwrap()
    );
    assert_eq!(
        scene.links.list_invitations(scene.tenant).await.unwrap(),
        std::slice::from_ref(&invitation)
    );
    assert!(
        scene
            .links
            .withdraw_invitation(scene.tenant, invitation.id, &[])
            .await
            .unwrap()
    );
    assert!(
        !scene
            .links
            .withdraw_invitation(scene.tenant, invitation.id, &[])
            .await
            .unwrap()
    );
}

/// A link is mailed by one worker at a time, again when it fell silent, and not for ever.
pub async fn a_link_waits_until_it_is_mailed(scene: Scene) {
    let link = scene
        .add(LinkKind::PasswordReset(scene.owner), "a@example.org")
        .await;
    let now = link.created_at;
    let claim = async |now: Timestamp| {
        let again_at = now.plus(Duration::from_mins(2));
        let claimed = scene.links.claim_unsent(now, again_at, 3, 10).await.unwrap();
        claimed.len()
    };
    let workers = join_all((0..8).map(|_| claim(now))).await;
    assert_eq!(workers.iter().sum::<usize>(), 1);
    let later = |minutes| now.plus(Duration::from_mins(minutes));
    assert_eq!(claim(later(1)).await, 0);
    assert_eq!(claim(later(2)).await, 1);
    assert_eq!(claim(later(4)).await, 1);
    assert_eq!(claim(later(6)).await, 0, "it was tried three times");
    let sent = scene
        .add(LinkKind::PasswordReset(scene.owner), "b@example.org")
        .await;
    scene.links.mark_sent(sent.id, now).await.unwrap();
    assert_eq!(claim(later(8)).await, 0);
    assert_eq!(scene.links.prune_links(later(30)).await.unwrap(), 0);
    assert_eq!(scene.links.prune_links(later(90)).await.unwrap(), 2);
    assert!(scene.links.find_link(link.id).await.unwrap().is_none());
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Scene`] and a guard that keeps it alive.
#[macro_export]
macro_rules! link_system_store_contract {
    ($fresh:expr) => {
        $crate::link_system_store_contract!(@tests $fresh,
            an_address_has_so_many_live_links, invitations_belong_to_their_tenant, a_link_waits_until_it_is_mailed);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let (scene, _guard) = $fresh.await;
            $crate::contract::link_system_store::$clause(scene).await;
        }
    )*};
}
