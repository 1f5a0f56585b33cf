//! The answer that carries a stream.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{HttpResponse, http::header};
use bytes::Bytes;
use chancery_agents::StreamSeat;
use chancery_ambient::{Clock, Tasks, within};
use chancery_tokens::HeldToken;
use futures::{
    FutureExt, SinkExt, Stream, StreamExt,
    channel::{
        mpsc::{self, Receiver},
        oneshot,
    },
    future::{Either, ready, select},
    stream,
};

use super::Format;
use crate::state::Api;

/// A silence this long is broken by a comment, so that nobody in between takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Frames that wait for a slow client. What does not fit waits with the run's reader, which is cut off when it falls too
/// far behind; the client then resumes.
const WAITING: usize = 16;

/// Answers with `frames`, for as long as the caller's `token` counts. They are read on the main runtime, since reading them may
/// ask a store; the HTTP worker sees a channel and the clock. A client that leaves ends the reading, gives its seat back, and
/// nothing else.
pub(crate) fn respond(
    api: &Api,
    (token, seat): (HeldToken, StreamSeat),
    format: Format,
    frames: impl Stream<Item = Bytes> + Send + 'static,
) -> HttpResponse {
    let tokens = api.tokens.clone();
    let ended = async move { format.farewell(tokens.until_ended(&token).await) };
    let frames = read_on(&*api.tasks, frames, ended, seat);
    answer(api.ambient.clock.clone(), format, frames)
}

fn answer(
    clock: Arc<dyn Clock>,
    format: Format,
    frames: impl Stream<Item = Bytes> + Unpin + 'static,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(("x-accel-buffering", "no"));
    match format {
        Format::Public => response.streaming(with_comments(frames, clock).map(Ok::<_, Infallible>)),
        // Clients of the first version take every line for a frame.
        Format::Chunks => response.streaming(frames.map(Ok::<_, Infallible>)),
    }
}

/// Reads `frames` in a task of its own, until they or the client end, or `ended` gives the last one. `seat` is kept as long.
fn read_on(
    tasks: &dyn Tasks,
    frames: impl Stream<Item = Bytes> + Send + 'static,
    ended: impl Future<Output = Bytes> + Send + 'static,
    seat: impl Send + 'static,
) -> Arriving {
    let (mut sender, frames_read) = mpsc::channel(WAITING);
    let (reads, left) = oneshot::channel();
    let reading = async move {
        let _seat = seat;
        let mut frames = std::pin::pin!(frames);
        let ended = std::pin::pin!(ended);
        let mut over = std::pin::pin!(select(ended, left));
        // The end is looked at first: a run that never pauses does not outlive the token.
        loop {
            let (frame, is_last) = match select(over.as_mut(), frames.next()).await {
                Either::Left((Either::Left((last, _)), _)) => (last, true),
                Either::Left((Either::Right(_), _)) | Either::Right((None, _)) => break,
                Either::Right((Some(frame), _)) => (frame, false),
            };
            if sender.send(frame).await.is_err() || is_last {
                break;
            }
        }
    };
    tasks.spawn(reading.boxed());
    Arriving {
        frames: frames_read,
        _reads: reads,
    }
}

/// Frames on their way to the client. Dropping it tells the reading task at once, also while nothing comes.
struct Arriving {
    frames: Receiver<Bytes>,
    _reads: oneshot::Sender<Infallible>,
}

impl Stream for Arriving {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.frames.poll_next_unpin(context)
    }
}

/// A comment at once, so that the client knows it is connected, and one whenever nothing came for a while.
fn with_comments(
    frames: impl Stream<Item = Bytes> + Unpin,
    clock: Arc<dyn Clock>,
) -> impl Stream<Item = Bytes> {
    let connected = stream::once(ready(Bytes::from_static(b": connected\n\n")));
    let rest = stream::unfold((frames, clock), |(mut frames, clock)| async move {
        let next = match within(&*clock, HEARTBEAT, frames.next()).await {
            Ok(frame) => frame?,
            Err(_silence) => Bytes::from(format!(": heartbeat {}\n\n", clock.now())),
        };
        Some((next, (frames, clock)))
    });
    connected.chain(rest)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use actix_web::{body::to_bytes, http::header};
    use bytes::Bytes;
    use chancery_ambient::{Clock, ManualClock, Timestamp, TokioTasks};
    use futures::{FutureExt, SinkExt, StreamExt, channel::mpsc, future::pending, stream};

    use super::{Format, answer, read_on, with_comments};

    fn text(bytes: Option<Bytes>) -> String {
        String::from_utf8(bytes.unwrap().to_vec()).unwrap()
    }

    #[actix_web::test]
    async fn a_comment_comes_at_once_and_one_after_every_silence() {
        let clock = Arc::new(ManualClock::at(
            Timestamp::from_unix_seconds(1_700_000_000).unwrap(),
        ));
        let (mut sender, frames) = mpsc::channel(1);
        let mut body = Box::pin(with_comments(frames, clock.clone()));
        assert_eq!(text(body.next().await), ": connected\n\n");
        assert!(futures::poll!(body.next()).is_pending());
        clock.advance(Duration::from_secs(15));
        assert_eq!(text(body.next().await), ": heartbeat 2023-11-14T22:13:35Z\n\n");
        sender.send(Bytes::from_static(b"data: 1\n\n")).await.unwrap();
        assert_eq!(text(body.next().await), "data: 1\n\n");
        assert!(body.next().now_or_never().is_none());
        clock.advance(Duration::from_secs(14));
        assert!(body.next().now_or_never().is_none());
        drop(sender);
        assert_eq!(body.next().await, None);
    }

    #[actix_web::test]
    async fn the_headers_keep_proxies_from_holding_the_stream_back() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::EPOCH));
        let frames = stream::iter([Bytes::from_static(b"data: 1\n\n")]);
        let frames = read_on(&*TokioTasks::current(), frames, pending(), ());
        let response = answer(clock, Format::Chunks, frames);
        assert_eq!(
            response.headers().get(header::CONTENT_TYPE).unwrap(),
            "text/event-stream"
        );
        assert_eq!(response.headers().get(header::CACHE_CONTROL).unwrap(), "no-cache");
        assert_eq!(response.headers().get("x-accel-buffering").unwrap(), "no");
        assert_eq!(to_bytes(response.into_body()).await.unwrap(), "data: 1\n\n");
    }

    #[actix_web::test]
    async fn frames_that_never_pause_end_with_the_token() {
        let (end, ended) = futures::channel::oneshot::channel();
        let frames = stream::repeat(Bytes::from_static(b"x"));
        let ended = async { ended.await.unwrap() };
        let mut frames = read_on(&*TokioTasks::current(), frames, ended, ());
        assert_eq!(text(frames.next().await), "x");
        end.send(Bytes::from_static(b"bye")).unwrap();
        let rest: Vec<Bytes> = frames.collect().await;
        assert_eq!(rest.last().unwrap(), "bye");
    }

    #[actix_web::test]
    async fn a_client_that_does_not_read_holds_the_reading_back_and_one_that_left_ends_it() {
        let tasks = TokioTasks::current();
        let read = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = read.clone();
        let endless = stream::repeat_with(move || {
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Bytes::from_static(b"x")
        });
        let client = read_on(&*tasks, endless, pending(), ());
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(read.load(std::sync::atomic::Ordering::SeqCst) <= super::WAITING + 2);
        drop(client);
        tasks
            .drain(&chancery_ambient::SystemClock::default(), Duration::from_secs(5))
            .await
            .unwrap();
    }

    #[actix_web::test]
    async fn a_client_that_leaves_a_silent_stream_gives_its_seat_back() {
        struct Seat(Arc<std::sync::atomic::AtomicBool>);
        impl Drop for Seat {
            fn drop(&mut self) {
                self.0.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let (tasks, is_back) = (TokioTasks::current(), Arc::default());
        let seat = Seat(Arc::clone(&is_back));
        let client = read_on(&*tasks, stream::pending(), pending(), seat);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!is_back.load(std::sync::atomic::Ordering::SeqCst));
        drop(client);
        tasks
            .drain(&chancery_ambient::SystemClock::default(), Duration::from_secs(5))
            .await
            .unwrap();
        assert!(is_back.load(std::sync::atomic::Ordering::SeqCst));
    }
}
