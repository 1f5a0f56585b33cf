use std::sync::Arc;

use chancery_access::{Denied, Principal, Proof, Scope, Scopes, Subject};
use chancery_ambient::Ambient;
use chancery_events::{RunUsage, Used};
use chancery_ids::{Limit, TenantId, UserId};

use super::UsageService;
use crate::{Day, Granularity, UsageMeter, UsageQuery, UsageRefused, twin::Twin};

struct World {
    twin: Arc<Twin>,
    service: UsageService,
    tenant: TenantId,
    person: UserId,
}

const DAYS: UsageQuery = UsageQuery {
    own: false,
    granularity: Granularity::Day,
    from: None,
    to: None,
};
const MONTHS: UsageQuery = UsageQuery {
    granularity: Granularity::Month,
    ..DAYS
};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn limit(limit: u8) -> Limit {
    Limit::new(limit).unwrap()
}

impl World {
    fn new() -> Self {
        let (twin, ambient) = (Arc::new(Twin::default()), Ambient::system());
        Self {
            service: UsageService::new(twin.clone()),
            twin,
            tenant: ambient.new_id(),
            person: ambient.new_id(),
        }
    }

    /// A turn of the model with so many tokens, on the days from one to the other.
    async fn used(&self, person: UserId, from: &str, to: &str, input_tokens: u32) {
        let mut at = day(from);
        while at <= day(to) {
            let turn = Used {
                input_tokens,
                ..Used::at(1, 0, at.start())
            };
            let usage = RunUsage {
                run: Ambient::system().new_id(),
                person,
                used: vec![turn],
            };
            self.twin.record(self.tenant, &usage).await.unwrap();
            at = at.next();
        }
    }

    fn caller(&self, scopes: &[Scope]) -> Principal {
        Principal {
            tenant: self.tenant,
            subject: Subject::Person(self.person),
            role: None,
            scopes: scopes.iter().cloned().collect::<Scopes>(),
            session: None,
            token: Ambient::system().new_id(),
            actors: Vec::new(),
            proof: Proof::Full,
        }
    }

    /// First days and input tokens, page after page.
    async fn pages(&self, query: UsageQuery, size: u8) -> Vec<Vec<(String, u64)>> {
        let caller = self.caller(&[Scope::BILLING_READ, Scope::CONVERSATIONS_READ]);
        let (mut pages, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.service.list(&caller, &query, cursor.as_deref(), limit(size));
            let page = page.await.unwrap();
            let shown = page.items.iter();
            pages.push(
                shown
                    .map(|counter| (counter.start.to_string(), counter.amounts.input_tokens))
                    .collect(),
            );
            match page.next {
                Some(next) => cursor = Some(next.as_str().to_owned()),
                None => return pages,
            }
        }
    }
}

fn rows(rows: &[(&str, u64)]) -> Vec<(String, u64)> {
    rows.iter()
        .map(|(day, tokens)| ((*day).to_owned(), *tokens))
        .collect()
}

#[tokio::test]
async fn months_are_whole_whatever_the_page() {
    let world = World::new();
    world.used(world.person, "2024-01-01", "2025-03-31", 1).await;
    let all = world.pages(MONTHS, 100).await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].len(), 15);
    assert_eq!(
        all[0][..3],
        rows(&[("2025-03-01", 31), ("2025-02-01", 28), ("2025-01-01", 31)])
    );
    assert_eq!(all[0][13..], rows(&[("2024-02-01", 29), ("2024-01-01", 31)]));
    for size in [1, 2, 7, 15] {
        assert_eq!(world.pages(MONTHS, size).await.concat(), all[0], "{size} a page");
    }
}

#[tokio::test]
async fn days_without_use_are_left_out_and_pages_follow_one_another() {
    let world = World::new();
    world.used(world.person, "2026-01-30", "2026-02-01", 5).await;
    world.used(world.person, "2026-03-09", "2026-03-09", 7).await;
    let all = rows(&[
        ("2026-03-09", 7),
        ("2026-02-01", 5),
        ("2026-01-31", 5),
        ("2026-01-30", 5),
    ]);
    assert_eq!(world.pages(DAYS, 3).await, [all[..3].to_vec(), all[3..].to_vec()]);
}

#[tokio::test]
async fn the_range_takes_the_periods_of_both_its_days() {
    let world = World::new();
    world.used(world.person, "2026-01-01", "2026-03-09", 1).await;
    let range = |query| UsageQuery {
        from: Some(day("2026-01-31")),
        to: Some(day("2026-02-01")),
        ..query
    };
    let days = world.pages(range(DAYS), 10).await.concat();
    assert_eq!(days, rows(&[("2026-02-01", 1), ("2026-01-31", 1)]));
    let months = world.pages(range(MONTHS), 1).await.concat();
    assert_eq!(months, rows(&[("2026-02-01", 28), ("2026-01-01", 31)]));
    let backwards = UsageQuery {
        from: Some(day("2026-02-01")),
        to: Some(day("2026-01-31")),
        ..DAYS
    };
    assert_eq!(world.pages(backwards, 10).await.concat(), []);
}

#[tokio::test]
async fn a_person_sees_their_own_and_who_reads_bills_sees_everybodys() {
    let world = World::new();
    world.used(world.person, "2026-03-09", "2026-03-09", 1).await;
    world
        .used(Ambient::system().new_id(), "2026-03-09", "2026-03-09", 10)
        .await;
    let own = UsageQuery { own: true, ..DAYS };
    assert_eq!(world.pages(own, 10).await.concat(), rows(&[("2026-03-09", 1)]));
    assert_eq!(world.pages(DAYS, 10).await.concat(), rows(&[("2026-03-09", 11)]));

    let member = world.caller(&[Scope::CONVERSATIONS_READ]);
    let denied = world
        .service
        .list(&member, &DAYS, None, limit(1))
        .await
        .unwrap_err();
    assert!(matches!(denied, UsageRefused::Denied(Denied::Scope(scope)) if scope == Scope::BILLING_READ));
    assert_eq!(
        world
            .service
            .list(&member, &own, None, limit(1))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    let machine = Principal {
        subject: Subject::ServiceAccount("billing-worker".to_owned()),
        ..world.caller(&[Scope::BILLING_READ, Scope::CONVERSATIONS_READ])
    };
    let denied = world
        .service
        .list(&machine, &own, None, limit(1))
        .await
        .unwrap_err();
    assert!(matches!(denied, UsageRefused::Denied(Denied::NotAPerson)));
    assert_eq!(
        world
            .service
            .list(&machine, &DAYS, None, limit(1))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let world = World::new();
    world.used(world.person, "2026-01-01", "2026-03-09", 1).await;
    let caller = world.caller(&[Scope::BILLING_READ]);
    let first = world.service.list(&caller, &DAYS, None, limit(1)).await.unwrap();
    let of_days = first.next.unwrap();
    for cursor in [of_days.as_str(), "", "x", "W10"] {
        let refused = world.service.list(&caller, &MONTHS, Some(cursor), limit(1)).await;
        assert!(matches!(refused, Err(UsageRefused::Cursor(_))), "{cursor}");
    }
}
