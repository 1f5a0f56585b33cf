//! The answer that carries a stream.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use actix_web::{HttpResponse, http::header};
use bytes::Bytes;
use chancery_ambient::{Clock, Tasks, within};
use chancery_tokens::HeldToken;
use futures::{
    FutureExt, SinkExt, Stream, StreamExt,
    channel::mpsc::{self, Receiver},
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

/// Answers with `frames`, for as long as the caller's `token` counts. They are read on the main runtime, since reading them may ask a store; the HTTP worker sees a
/// channel and the clock. A client that leaves ends the reading and nothing else.
pub(crate) fn respond(
    api: &Api,
    token: HeldToken,
    format: Format,
    frames: impl Stream<Item = Bytes> + Send + 'static,
) -> HttpResponse {
    let tokens = api.tokens.clone();
    let ended = async move { format.farewell(tokens.until_ended(&token).await) };
    let frames = read_on(&*api.tasks, until(frames, ended));
    answer(api.ambient.clock.clone(), format, frames)
}

fn answer(clock: Arc<dyn Clock>, format: Format, frames: Receiver<Bytes>) -> HttpResponse {
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

/// The frames, until `ended` gives the last one.
fn until(
    frames: impl Stream<Item = Bytes> + Send + 'static,
    ended: impl Future<Output = Bytes> + Send + 'static,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let state = Some((frames.boxed(), ended.boxed()));
    stream::unfold(state, |state| async move {
        let (mut frames, mut ended) = state?;
        // The end is looked at first: a run that never pauses does not outlive the token.
        match select(&mut ended, frames.next()).await {
            Either::Left((last, _)) => Some((last, None)),
            Either::Right((frame, _)) => Some((frame?, Some((frames, ended)))),
        }
    })
}

fn read_on(tasks: &dyn Tasks, frames: impl Stream<Item = Bytes> + Send + 'static) -> Receiver<Bytes> {
    let (mut sender, receiver) = mpsc::channel(WAITING);
    let reading = async move {
        let mut frames = std::pin::pin!(frames);
        while let Some(frame) = frames.next().await {
            if sender.send(frame).await.is_err() {
                break;
            }
        }
    };
    tasks.spawn(reading.boxed());
    receiver
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
    use futures::{FutureExt, SinkExt, StreamExt, channel::mpsc, stream};

    use super::{Format, answer, read_on, until, with_comments};

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
        let response = answer(clock, Format::Chunks, read_on(&*TokioTasks::current(), frames));
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
        let mut frames = Box::pin(until(frames, async { ended.await.unwrap() }));
        assert_eq!(text(frames.next().await), "x");
        end.send(Bytes::from_static(b"bye")).unwrap();
        assert_eq!(text(frames.next().await), "bye");
        assert_eq!(frames.next().await, None);
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
        let client = read_on(&*tasks, endless);
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
}
