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
use bytes::{Bytes, BytesMut};
use chancery_agents::StreamSeat;
use chancery_ambient::{Clock, Tasks, within};
use chancery_tokens::{HeldEnd, HeldToken};
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

/// What a client catches up on is sent in pieces of about this size, in bytes: a connection keeps the room that its largest write
/// has taken, and thousands of them stay open.
const PIECE: usize = 2048;

/// Pieces that wait for a slow client, beside one that is offered. What does not fit waits with the run's reader, which is cut off
/// when it falls too far behind; the client then resumes.
const WAITING: usize = 1;

/// Answers with `frames`, for as long as the caller's `token` counts. A client that leaves ends the reading, gives its seat back,
/// and nothing else.
pub(crate) fn respond(
    api: &Api,
    (token, seat): (HeldToken, StreamSeat),
    format: Format,
    frames: impl Stream<Item = Bytes> + Send + 'static,
) -> HttpResponse {
    let frames = while_held(api, (token, seat), move |why| format.farewell(why), frames);
    answer(api.ambient.clock.clone(), format, frames)
}

/// What an HTTP worker is given of `pieces`: a channel. They are read on the main runtime, since reading them may ask a store, until
/// they or the client end, or the caller's `token`, with `farewell` as the last piece. The seat is given back then.
pub(crate) fn while_held(
    api: &Api,
    (token, seat): (HeldToken, StreamSeat),
    farewell: impl FnOnce(HeldEnd) -> Bytes + Send + 'static,
    pieces: impl Stream<Item = Bytes> + Send + 'static,
) -> impl Stream<Item = Bytes> + Unpin + 'static {
    let tokens = api.tokens.clone();
    let ended = async move { farewell(tokens.until_ended(&token).await) };
    read_on(&*api.tasks, pieces, ended, seat)
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
        let mut pieces = std::pin::pin!(in_pieces(frames));
        let ended = std::pin::pin!(ended);
        let mut over = std::pin::pin!(select(ended, left));
        // The end is looked at first: a run that never pauses does not outlive the token.
        loop {
            let (piece, is_last) = match select(over.as_mut(), pieces.next()).await {
                Either::Left((Either::Left((last, _)), _)) => (last, true),
                Either::Left((Either::Right(_), _)) | Either::Right((None, _)) => break,
                Either::Right((Some(piece), _)) => (piece, false),
            };
            if sender.send(piece).await.is_err() || is_last {
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

/// The same bytes: frames that are there at the same time are one piece, up to the first that reaches [`PIECE`].
fn in_pieces(frames: impl Stream<Item = Bytes>) -> impl Stream<Item = Bytes> {
    stream::unfold(Box::pin(frames.fuse()), |mut frames| async move {
        // Not copied: a frame is nobody else's.
        let mut piece = BytesMut::from(frames.next().await?);
        while piece.len() < PIECE
            && let Some(Some(frame)) = frames.next().now_or_never()
        {
            piece.extend_from_slice(&frame);
        }
        Some((piece.freeze(), frames))
    })
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

    use super::{Format, PIECE, WAITING, answer, in_pieces, read_on, with_comments};

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

    #[tokio::test]
    async fn frames_that_are_there_together_go_together_and_lose_nothing() {
        let sizes = [1, 700, 700, 700, 5000, 2048, 3, 2000, 4000];
        let frame = |(number, size): (u8, &usize)| Bytes::from(vec![number; *size]);
        let frames: Vec<_> = (0..).zip(&sizes).map(frame).collect();
        let pieces: Vec<_> = in_pieces(stream::iter(frames.clone())).collect().await;
        assert_eq!(pieces.concat(), frames.concat());
        let lengths: Vec<_> = pieces.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [2101, 5000, 2048, 6003]);
    }

    #[tokio::test]
    async fn a_frame_waits_for_no_other() {
        let (mut sender, frames) = mpsc::channel(1);
        let mut pieces = Box::pin(in_pieces(frames));
        sender.send(Bytes::from_static(b"one")).await.unwrap();
        assert_eq!(text(pieces.next().await), "one");
        assert!(pieces.next().now_or_never().is_none());
        sender.send(Bytes::from_static(b"two")).await.unwrap();
        assert_eq!(text(pieces.next().await), "two");
        drop(sender);
        assert_eq!(pieces.next().await, None);
    }

    #[tokio::test]
    async fn an_end_that_is_met_while_looking_ahead_is_the_end() {
        let once = stream::unfold(false, |ended| async move {
            (!ended).then(|| (Bytes::from_static(b"x"), true))
        });
        let pieces: Vec<_> = in_pieces(once).collect().await;
        assert_eq!(pieces, ["x"]);
    }

    #[actix_web::test]
    async fn frames_that_never_pause_end_with_the_token() {
        let (end, ended) = futures::channel::oneshot::channel();
        let frames = stream::repeat(Bytes::from_static(b"x"));
        let ended = async { ended.await.unwrap() };
        let mut frames = read_on(&*TokioTasks::current(), frames, ended, ());
        assert_eq!(text(frames.next().await), "x".repeat(PIECE));
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
        assert!(read.load(std::sync::atomic::Ordering::SeqCst) <= (WAITING + 2) * PIECE);
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
