use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chancery_ambient::{Ambient, Fault, ManualClock, Timestamp};
use chancery_guards::Leases;
use chancery_ids::ReplicaId;

use super::{BATCH, Job, LEASE, Pass, PassEnd, Retention, Rule};

const DAY: Duration = Duration::from_hours(24);

/// Things of so many; a pass that fails says so in its place.
#[derive(Default)]
struct Things {
    batches: Mutex<VecDeque<Option<u64>>>,
    asked: Mutex<Vec<Timestamp>>,
    prepared: Mutex<u32>,
}

impl Things {
    fn of(batches: &[Option<u64>]) -> Arc<Self> {
        Arc::new(Self {
            batches: Mutex::new(batches.iter().copied().collect()),
            ..Self::default()
        })
    }

    fn asked(&self) -> Vec<Timestamp> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Job for Arc<Things> {
    async fn prepare(&self, _: Timestamp) -> Result<(), Fault> {
        *self.prepared.lock().unwrap() += 1;
        Ok(())
    }

    async fn count(&self, before: Timestamp) -> Result<u64, Fault> {
        self.asked.lock().unwrap().push(before);
        Ok(self.batches.lock().unwrap().iter().flatten().sum())
    }

    async fn forget(&self, before: Timestamp, limit: u16) -> Result<u64, Fault> {
        assert_eq!(limit, BATCH);
        self.asked.lock().unwrap().push(before);
        let batch = self.batches.lock().unwrap().pop_front().unwrap_or(Some(0));
        batch.ok_or_else(|| Fault::unavailable("on purpose"))
    }
}

/// One lease for all names.
#[derive(Default)]
struct OneLease(Mutex<Option<(ReplicaId, Timestamp)>>);

#[async_trait]
impl Leases for OneLease {
    async fn hold(
        &self,
        _: &'static str,
        holder: ReplicaId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, Fault> {
        let mut held = self.0.lock().unwrap();
        let free = held.is_none_or(|(by, over)| by == holder || over < now);
        if free {
            *held = Some((holder, until));
        }
        Ok(free)
    }
}

struct World {
    clock: Arc<ManualClock>,
    ambient: Ambient,
    leases: Arc<OneLease>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(
            Timestamp::from_unix_seconds(1_800_000_000).unwrap(),
        ));
        Self {
            ambient: Ambient::for_tests(clock.clone()),
            leases: Arc::default(),
            clock,
        }
    }

    /// A process that forgets these, each after so long.
    fn process(&self, jobs: &[(&'static str, Option<Duration>, &Arc<Things>)]) -> Retention {
        let rule = |(what, kept, things): &(&'static str, _, &Arc<Things>)| Rule {
            what,
            kept: *kept,
            job: Box::new(Arc::clone(things)),
        };
        Retention {
            rules: jobs.iter().map(rule).collect(),
            leases: self.leases.clone(),
            replica: self.ambient.new_id(),
            ambient: self.ambient.clone(),
        }
    }
}

/// What each pass forgot, and in a word how it ended.
fn told(passes: &[Pass]) -> Vec<(&'static str, u64, &'static str)> {
    let end = |pass: &Pass| match pass.end {
        PassEnd::Complete => "complete",
        PassEnd::Elsewhere => "elsewhere",
        PassEnd::Failed(_) => "failed",
    };
    passes
        .iter()
        .map(|pass| (pass.what, pass.forgotten, end(pass)))
        .collect()
}

#[tokio::test]
async fn it_goes_on_in_batches_until_one_is_short() {
    let world = World::new();
    let full = u64::from(BATCH);
    let things = Things::of(&[Some(full), Some(full), Some(7), Some(full)]);
    let process = world.process(&[("logs", Some(DAY), &things)]);
    let passes = process.forget().await;
    assert_eq!(told(&passes), [("logs", 2 * full + 7, "complete")]);
    assert_eq!(things.asked(), [world.ambient.now().minus(DAY); 3]);
}

#[tokio::test]
async fn while_another_process_holds_the_lease_nothing_is_forgotten() {
    let world = World::new();
    let things = Things::of(&[Some(1), Some(2)]);
    let [one, other] = [(); 2].map(|()| world.process(&[("logs", Some(DAY), &things)]));
    assert_eq!(told(&one.forget().await), [("logs", 1, "complete")]);
    assert_eq!(told(&other.forget().await), [("logs", 0, "elsewhere")]);
    assert_eq!(things.asked().len(), 1);
    world.clock.advance(LEASE + Duration::from_secs(1));
    assert_eq!(told(&other.forget().await), [("logs", 2, "complete")]);
    assert_eq!(told(&one.forget().await), [("logs", 0, "elsewhere")]);
}

#[tokio::test]
async fn what_is_kept_for_ever_is_made_ready_and_never_forgotten() {
    let world = World::new();
    let (kept, old) = (Things::of(&[Some(5)]), Things::of(&[Some(3)]));
    let process = world.process(&[("threads", None, &kept), ("logs", Some(DAY), &old)]);
    let counts = process.count().await.unwrap();
    assert_eq!(counts, [("threads", None), ("logs", Some(3))]);
    let passes = process.forget().await;
    assert_eq!(
        told(&passes),
        [("threads", 0, "complete"), ("logs", 3, "complete")]
    );
    assert!(kept.asked().is_empty());
    assert_eq!(*kept.prepared.lock().unwrap(), 1);
}

#[tokio::test]
async fn one_kind_that_fails_keeps_no_other_from_its_turn() {
    let world = World::new();
    let full = u64::from(BATCH);
    let fails = Things::of(&[Some(full), None, Some(4)]);
    let old = Things::of(&[Some(3)]);
    let process = world.process(&[("threads", Some(DAY), &fails), ("logs", Some(2 * DAY), &old)]);
    let passes = process.forget().await;
    assert_eq!(
        told(&passes),
        [("threads", full, "failed"), ("logs", 3, "complete")]
    );
    // The next pass goes on where this one stopped.
    assert_eq!(told(&process.forget().await)[0], ("threads", 4, "complete"));
}

#[tokio::test]
async fn counting_forgets_nothing_and_needs_no_lease() {
    let world = World::new();
    let things = Things::of(&[Some(5)]);
    let [holder, other] = [(); 2].map(|()| world.process(&[("logs", Some(DAY), &things)]));
    for _ in 0..2 {
        assert_eq!(other.count().await.unwrap(), [("logs", Some(5))]);
    }
    assert_eq!(told(&holder.forget().await), [("logs", 5, "complete")]);
}
