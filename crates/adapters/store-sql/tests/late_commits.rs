//! Transactions commit in another order than they began in: a revocation that comes late is still news.

use chancery_ambient::Ambient;
use chancery_store_sql::SqlRevocations;
use chancery_tokens::{FeedMark, Revocation, RevocationOrder, RevocationSystemStore, Revoked};

use diesel_async::SimpleAsyncConnection;

use crate::support::{connect, fresh_postgres};

fn revocation() -> Revocation {
    let ambient = Ambient::system();
    RevocationOrder::new(&ambient).of(Revoked::Token(ambient.new_id()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_commits_long_after_it_began_is_read() {
    let fresh = fresh_postgres().await;
    let store = SqlRevocations::new(fresh.database());
    let mut slow = connect(fresh.url()).await;
    slow.batch_execute(
        "BEGIN;
         INSERT INTO revocations (id, kind, target, at, expires_at)
         VALUES (gen_random_uuid(), 'key', 'late', now(), now() + interval '30 minutes')",
    )
    .await
    .unwrap();

    let mut mark = FeedMark::default();
    for _ in 0..3 {
        let quick = revocation();
        store.revoke(std::slice::from_ref(&quick), &[]).await.unwrap();
        let (read, next) = store.read_since(mark).await.unwrap();
        assert!(read.contains(&quick));
        assert!(next >= mark);
        mark = next;
    }
    slow.batch_execute("COMMIT").await.unwrap();
    let (read, _) = store.read_since(mark).await.unwrap();
    let is_late = |one: &Revocation| one.target == Revoked::Key("late".to_owned());
    assert!(read.iter().any(is_late), "the late one was passed over");
}
