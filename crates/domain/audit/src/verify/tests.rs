use std::{sync::Arc, time::Duration};

use chancery_ambient::{Ambient, ManualClock, SystemEntropy, Timestamp};
use chancery_events::{Consumer, Event, EventKind};
use chancery_ids::TenantId;

use super::{Damage, Verdict};
use crate::{AuditTrail, Day, twin::Twin};

/// Three days of three entries each.
async fn recorded() -> (Arc<Twin>, AuditTrail, TenantId) {
    let start = Timestamp::from_unix_seconds(1_800_000_000).unwrap();
    let clock = Arc::new(ManualClock::at(start));
    let ambient = Ambient {
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
    };
    let store = Arc::new(Twin::default());
    let trail = AuditTrail::new(store.clone(), clock.clone());
    let tenant = ambient.new_id();
    for number in 0..9 {
        let event = Event::new(&ambient, tenant, EventKind::UserCreated, number.to_string());
        trail.consume(&event).await.unwrap();
        if number % 3 == 2 {
            clock.advance(Duration::from_hours(24));
        }
    }
    (store, trail, tenant)
}

fn second_day() -> Day {
    Day::of(Timestamp::from_unix_seconds(1_800_086_400).unwrap())
}

#[tokio::test]
async fn what_nobody_touched_is_whole() {
    let (_, trail, tenant) = recorded().await;
    let Verdict::Whole { days, entries, head } = trail.verify(tenant).await.unwrap() else {
        panic!("it is broken");
    };
    assert_eq!((days, entries, head.is_some()), (3, 9, true));
    let nobody = Ambient::system().new_id();
    let nothing = Verdict::Whole {
        days: 0,
        entries: 0,
        head: None,
    };
    assert_eq!(trail.verify(nobody).await.unwrap(), nothing);
}

#[tokio::test]
async fn the_first_damage_is_named() {
    for (change, number, fault) in [
        ("altered", 2, Damage::Altered),
        ("removed", 2, Damage::Missing),
        ("swapped", 2, Damage::Altered),
        ("cut", 3, Damage::Missing),
        ("rehashed", 3, Damage::Altered),
    ] {
        let (store, trail, tenant) = recorded().await;
        store.damage(second_day(), change);
        let broken = Verdict::Broken {
            day: second_day(),
            number,
            fault,
        };
        assert_eq!(trail.verify(tenant).await.unwrap(), broken, "{change}");
    }
}
