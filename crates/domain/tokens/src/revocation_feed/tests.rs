use std::{sync::Arc, time::Duration};

use chancery_access::Subject;
use chancery_ambient::{Ambient, ManualClock, SystemEntropy, Timestamp};

use crate::{
    FRESH_FOR, RevocationFeed, RevocationOrder, RevocationSystemStore, Revoked, Standing, TokenMarks,
    contract::MemoryFamilies,
};

struct Scene {
    clock: Arc<ManualClock>,
    ambient: Ambient,
    store: Arc<MemoryFamilies>,
    feed: RevocationFeed,
}

fn scene() -> Scene {
    let clock = Arc::new(ManualClock::at(
        Timestamp::from_unix_seconds(1_800_000_000).unwrap(),
    ));
    let ambient = Ambient {
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
    };
    let store = Arc::new(MemoryFamilies::default());
    Scene {
        feed: RevocationFeed::new(store.clone(), ambient.clone()),
        clock,
        ambient,
        store,
    }
}

impl Scene {
    fn marks(&self) -> TokenMarks {
        TokenMarks {
            token: self.ambient.new_id(),
            session: Some(self.ambient.new_id()),
            subject: (Subject::Person(self.ambient.new_id()), 0),
            tenant: Some((self.ambient.new_id(), 0)),
            actors: Vec::new(),
            kid: "key-1".to_owned(),
        }
    }

    async fn revoke(&self, target: Revoked) {
        let revocation = RevocationOrder::new(&self.ambient).of(target);
        self.store.revoke(&[revocation], &[]).await.unwrap();
    }
}

#[tokio::test]
async fn before_the_first_read_nothing_is_known() {
    let scene = scene();
    assert_eq!(scene.feed.standing(&scene.marks()), Standing::Unknown);
    scene.feed.read().await.unwrap();
    assert_eq!(scene.feed.standing(&scene.marks()), Standing::Good);
}

#[tokio::test]
async fn a_set_that_was_not_read_for_too_long_is_not_believed() {
    let scene = scene();
    scene.feed.read().await.unwrap();
    scene.clock.advance(FRESH_FOR);
    assert_eq!(scene.feed.standing(&scene.marks()), Standing::Good);
    scene.clock.advance(Duration::from_millis(1));
    assert_eq!(scene.feed.standing(&scene.marks()), Standing::Unknown);
}

#[tokio::test]
async fn a_read_takes_over_what_was_stored_and_a_revocation_counts_however_old_the_set_is() {
    let scene = scene();
    let marks = scene.marks();
    scene.feed.read().await.unwrap();
    scene.revoke(Revoked::Token(marks.token)).await;
    assert_eq!(scene.feed.standing(&marks), Standing::Good);
    scene.feed.read().await.unwrap();
    assert_eq!(scene.feed.standing(&marks), Standing::Revoked);
    scene.clock.advance(Duration::from_mins(1));
    assert_eq!(scene.feed.standing(&marks), Standing::Revoked);
}

#[tokio::test]
async fn of_two_epochs_the_higher_counts_whatever_comes_first() {
    let scene = scene();
    let mut marks = scene.marks();
    let (subject, _) = marks.subject.clone();
    for epoch in [5, 3] {
        scene.revoke(Revoked::Subject(subject.clone(), epoch)).await;
        scene.feed.read().await.unwrap();
    }
    for (value, standing) in [(4, Standing::Revoked), (5, Standing::Good)] {
        marks.subject.1 = value;
        assert_eq!(scene.feed.standing(&marks), standing, "{value}");
    }
}

#[tokio::test]
async fn what_ends_nothing_any_more_is_forgotten() {
    let scene = scene();
    let marks = scene.marks();
    scene.revoke(Revoked::Token(marks.token)).await;
    scene.revoke(Revoked::Key("key-9".to_owned())).await;
    scene.feed.read().await.unwrap();
    assert_eq!(scene.feed.len(), 2);
    scene.clock.advance(Duration::from_mins(30));
    scene.feed.prune().await.unwrap();
    assert_eq!(scene.feed.len(), 2);
    scene.clock.advance(Duration::from_mins(2));
    scene.feed.prune().await.unwrap();
    assert!(scene.feed.is_empty());
}
