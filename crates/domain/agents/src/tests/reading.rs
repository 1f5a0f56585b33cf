use std::{sync::Arc, time::Duration};

use chancery_ids::ConversationKey;
use futures::{FutureExt, StreamExt};
use tokio::sync::Notify;

use super::{POLICIES, world};
use crate::{
    ReadRefused,
    testing::{Step, World, all, call, person, text},
};

#[tokio::test]
async fn a_stream_resumed_after_any_event_equals_the_uninterrupted_one() {
    for flush in POLICIES {
        let world = World::new(flush);
        let gate = Arc::new(Notify::new());
        world.model.turn([
            text("a"),
            text("b"),
            Step::Wait(gate.clone()),
            text("c"),
            call("clock", "{}"),
        ]);
        world.model.turn([text("d")]);
        let started = world.start("x").await;
        let run = started.run;
        let whole = world.follow(run, 0).await;
        world.pass(Duration::from_millis(1500)).await;
        // Some join while it runs, some when it is over.
        let mut early = Vec::new();
        for after in 0..3 {
            early.push((after, world.follow(run, after).await));
        }
        gate.notify_one();
        world.settle().await;
        let whole = all(whole).await;
        assert_eq!(whole, world.storage.log(run));
        for (after, stream) in early {
            assert_eq!(all(stream).await, whole[usize::try_from(after).unwrap()..]);
        }
        for after in 0..=whole.len() {
            let stream = world.follow(run, u64::try_from(after).unwrap()).await;
            assert_eq!(all(stream).await, whole[after..], "after {after}");
        }
    }
}

#[tokio::test]
async fn several_readers_see_the_same_and_one_that_leaves_stops_nothing() {
    let world = world();
    let gate = Arc::new(Notify::new());
    world.model.turn([text("a"), Step::Wait(gate.clone()), text("b")]);
    let started = world.start("x").await;
    let mut left = world.follow(started.run, 0).await;
    let (one, other) = (
        world.follow(started.run, 0).await,
        world.follow(started.run, 0).await,
    );
    assert_eq!(left.next().await.unwrap().unwrap().id, 1);
    drop(left);
    gate.notify_one();
    let (one, other) = futures::join!(all(one), all(other));
    assert_eq!(one, other);
    assert_eq!(started.outcome().await.unwrap().text, "ab");
}

#[tokio::test]
async fn a_run_without_readers_answers_all_the_same() {
    let world = world();
    world.model.turn([text("a")]);
    drop(world.start("x").await);
    world.settle().await;
    assert_eq!(world.storage.messages().len(), 2);
}

#[tokio::test]
async fn a_burst_larger_than_the_buffer_reaches_a_reader_that_keeps_up() {
    for flush in POLICIES {
        let world = World::new(flush);
        world.model.turn((0..2000).map(|_| text("w")));
        let started = world.start("x").await;
        let run = started.run;
        let stream = world.follow(run, 0).await;
        let reading = all(stream);
        let passing = world.pass(Duration::from_secs(3));
        let (seen, ()) = futures::join!(reading, passing);
        assert_eq!(seen, world.storage.log(run));
    }
}

#[tokio::test]
async fn a_reader_that_stays_behind_is_told_and_goes_on_where_it_was() {
    let world = world();
    let gates: Vec<_> = (0..40).map(|_| Arc::new(Notify::new())).collect();
    let steps = gates.iter().flat_map(|gate| {
        let words = (0..20).map(|_| text("w"));
        std::iter::once(Step::Wait(gate.clone())).chain(words)
    });
    world.model.turn(steps);
    let started = world.start("x").await;
    let run = started.run;
    let mut slow = world.follow(run, 0).await;
    let mut seen = vec![slow.next().await.unwrap().unwrap()];
    // Level with the run once, then not looking for twenty seconds.
    gates[0].notify_one();
    world.pass(Duration::from_millis(100)).await;
    seen.push(slow.next().await.unwrap().unwrap());
    for gate in &gates[1..] {
        gate.notify_one();
        world.pass(Duration::from_millis(500)).await;
    }
    let cut = loop {
        match slow.next().await.unwrap() {
            Ok(event) => seen.push(event),
            Err(cut) => break cut,
        }
    };
    assert!(matches!(cut, ReadRefused::CutOff), "{cut:?}");
    assert!(slow.next().await.is_none());
    let rest = all(world.follow(run, seen.last().unwrap().id).await).await;
    seen.extend(rest);
    assert_eq!(seen, world.storage.log(run));
}

#[tokio::test]
async fn a_run_that_works_elsewhere_is_read_from_its_log() {
    for flush in POLICIES {
        let owner = World::new(flush);
        let gate = Arc::new(Notify::new());
        owner.model.turn([text("a"), Step::Wait(gate.clone()), text("b")]);
        let started = owner.start("x").await;
        let other = World {
            caller: owner.caller.clone(),
            ..World::over(owner.storage.clone(), flush)
        };
        let mut stream = other.follow(started.run, 0).await;
        assert_eq!(stream.next().await.unwrap().unwrap().id, 1);
        owner.pass(Duration::from_secs(2)).await;
        let polled = async {
            let mut seen = Vec::new();
            while let Some(event) = stream.next().await {
                seen.push(event.unwrap());
            }
            seen
        };
        gate.notify_one();
        let passing = other.pass(Duration::from_secs(5));
        let (seen, ()) = futures::join!(polled, passing);
        assert_eq!(seen, owner.storage.log(started.run)[1..]);
    }
}

#[tokio::test]
async fn a_run_is_read_by_its_owner_alone() {
    let world = world();
    world.model.turn([text("secret")]);
    let started = world.start("x").await;
    let colleague = chancery_access::Principal {
        tenant: world.caller.tenant,
        ..person()
    };
    for other in [colleague, person()] {
        assert!(
            world
                .service
                .follow(&other, started.run, 0)
                .await
                .unwrap()
                .is_none()
        );
        let key = ConversationKey::parse("c").unwrap();
        assert!(
            world
                .service
                .follow_conversation(&other, &key, None)
                .await
                .unwrap()
                .is_none()
        );
    }
}

#[tokio::test]
async fn a_stream_resumed_beyond_the_end_of_a_run_ends() {
    let world = world();
    world.model.turn([text("a")]);
    let started = world.start("x").await;
    let run = started.run;
    started.outcome().await.unwrap();
    let mut beyond = world.follow(run, 99_999).await;
    assert!(
        beyond.next().now_or_never().is_some_and(|end| end.is_none()),
        "nothing is waited for"
    );
}

#[tokio::test]
async fn a_conversation_is_its_runs_one_after_another() {
    let world = world();
    let key = ConversationKey::parse("c").unwrap();
    let mut logs = Vec::new();
    for said in ["one", "two", "three"] {
        world.model.turn([text(said)]);
        let started = world.start(said).await;
        let run = started.run;
        started.outcome().await.unwrap();
        logs.extend(world.storage.log(run).into_iter().map(|event| (run, event)));
    }
    let read = async |after| -> Vec<_> {
        let stream = world
            .service
            .follow_conversation(&world.caller, &key, after)
            .await
            .unwrap()
            .unwrap();
        stream
            .map(|event| event.map(|(run, event)| (run.id, event)).unwrap())
            .collect()
            .await
    };
    assert_eq!(read(None).await, logs);
    for place in 0..logs.len() {
        let after = (logs[place].0, logs[place].1.id);
        assert_eq!(read(Some(after)).await, logs[place + 1..]);
    }
}

#[tokio::test]
async fn a_conversations_stream_follows_the_live_run_to_its_end() {
    let world = world();
    world.model.turn([text("one")]);
    world.log_of("one").await;
    let gate = Arc::new(Notify::new());
    world.model.turn([text("two"), Step::Wait(gate.clone())]);
    world.start("two").await;
    let key = ConversationKey::parse("c").unwrap();
    let stream = world
        .service
        .follow_conversation(&world.caller, &key, None)
        .await
        .unwrap()
        .unwrap();
    let counting = stream.filter(|event| {
        let terminal = event.as_ref().unwrap().1.what.is_terminal();
        std::future::ready(terminal)
    });
    let (terminal, ()) = futures::join!(counting.count(), async {
        world.settle().await;
        gate.notify_one();
    });
    assert_eq!(terminal, 2);
}

#[tokio::test]
async fn a_run_whose_log_is_forgotten_is_refused_to_its_owner_and_absent_to_others() {
    let world = world();
    world.model.turn([text("a")]);
    let started = world.start("x").await;
    let run = started.run;
    started.outcome().await.unwrap();
    world.storage.forget_log(run);
    for after in [0, 1] {
        let refused = world.service.follow(&world.caller, run, after).await;
        assert!(matches!(refused, Err(ReadRefused::Forgotten)));
    }
    let others = world.service.follow(&person(), run, 0).await;
    assert!(others.unwrap().is_none());
}

#[tokio::test]
async fn a_conversations_stream_passes_over_runs_whose_logs_are_forgotten() {
    let world = world();
    let mut runs = Vec::new();
    for said in ["one", "two", "three"] {
        world.model.turn([text(said)]);
        let started = world.start(said).await;
        runs.push(started.run);
        started.outcome().await.unwrap();
    }
    world.storage.forget_log(runs[0]);
    world.storage.forget_log(runs[1]);
    let last = world.storage.log(runs[2]);
    let key = ConversationKey::parse("c").unwrap();
    // From the beginning, and for who was in the middle of a run that is forgotten since.
    for after in [None, Some((runs[0], 2)), Some((runs[1], 1))] {
        let stream = world
            .service
            .follow_conversation(&world.caller, &key, after)
            .await;
        let events = stream.unwrap().unwrap();
        let seen: Vec<_> = events.map(|event| event.unwrap().1).collect().await;
        assert_eq!(seen, last, "after {after:?}");
    }
}
