//! The one connection through which a process hears of the runs that its readers follow.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chancery_agents::{READER_BUFFER, RunEvent};
use chancery_ambient::{Clock, Fault, Tasks, cause_of, within};
use deadpool_redis::redis::{
    Msg, RedisResult,
    aio::{PubSubSink, PubSubStream},
};
use futures::{FutureExt, StreamExt};
use tokio::sync::{
    mpsc::{self, UnboundedReceiver, UnboundedSender, error::TrySendError},
    oneshot,
};

use crate::{
    Redis,
    redis::{WAIT, fault},
};

/// How often the connection is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(10);

/// What a reader hears.
pub(super) struct Ear {
    /// Shared: a queue has room for dozens of events from the first on, and there is one a reader.
    pub(super) queue: mpsc::Receiver<Arc<RunEvent>>,
    /// Whether the queue's end is not the run's.
    pub(super) cut_off: Arc<AtomicBool>,
    /// After `queue`, so that the queue is closed when the listener looks.
    _leave: Leave,
}

/// Starts a listener when the first reader comes. It ends when the last has left, so that a shutdown need not wait for it.
pub(super) struct Listeners {
    redis: Redis,
    clock: Arc<dyn Clock>,
    tasks: Arc<dyn Tasks>,
    /// To the listener that runs, or ran last.
    requests: Mutex<Option<UnboundedSender<Request>>>,
}

/// Two for each reader, so the queue of them is bounded by the readers.
enum Request {
    Listen {
        channel: String,
        voice: Voice,
        listening: oneshot::Sender<()>,
    },
    Left {
        channel: String,
    },
}

impl Listeners {
    pub(super) fn new(redis: Redis, clock: Arc<dyn Clock>, tasks: Arc<dyn Tasks>) -> Self {
        Self {
            redis,
            clock,
            tasks,
            requests: Mutex::default(),
        }
    }

    /// Hears everything that is published on `channel` after this returned.
    pub(super) async fn listen(&self, channel: &str) -> Result<Ear, Fault> {
        // A listener that ends just now answers nothing; the next one does.
        for _ in 0..2 {
            let requests = self.running().await?;
            let (sender, queue) = mpsc::channel(READER_BUFFER);
            let (listening, answer) = oneshot::channel();
            let voice = Voice {
                queue: sender,
                cut_off: Arc::default(),
            };
            let ear = Ear {
                queue,
                cut_off: voice.cut_off.clone(),
                _leave: Leave {
                    channel: channel.to_owned(),
                    requests: requests.clone(),
                },
            };
            let request = Request::Listen {
                channel: channel.to_owned(),
                voice,
                listening,
            };
            if requests.send(request).is_err() {
                continue;
            }
            if answer.await.is_ok() {
                return Ok(ear);
            }
        }
        Err(Fault::unavailable(
            "the connection to Redis that listens ends again and again",
        ))
    }

    async fn running(&self) -> Result<UnboundedSender<Request>, Fault> {
        if let Some(requests) = self.open_requests() {
            return Ok(requests);
        }
        let connecting = within(&*self.clock, WAIT, self.redis.client().get_async_pubsub());
        let connection = connecting.await.map_err(Fault::timed_out)?.map_err(fault)?;
        let (sink, stream) = connection.split();
        let (sender, requests) = mpsc::unbounded_channel();
        {
            let mut current = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(other) = current.as_ref().filter(|other| !other.is_closed()) {
                // Somebody was quicker.
                return Ok(other.clone());
            }
            *current = Some(sender.clone());
        }
        let listener = Listener {
            sink,
            channels: HashMap::new(),
            clock: self.clock.clone(),
        };
        self.tasks.spawn(listener.run(stream, requests).boxed());
        Ok(sender)
    }

    fn open_requests(&self) -> Option<UnboundedSender<Request>> {
        let current = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone().filter(|requests| !requests.is_closed())
    }
}

/// The listener's end of a reader.
struct Voice {
    queue: mpsc::Sender<Arc<RunEvent>>,
    cut_off: Arc<AtomicBool>,
}

impl Voice {
    /// `false` when the reader left, or is too far behind: then it is told, after what it has queued.
    fn give(&self, event: &Arc<RunEvent>) -> bool {
        let given = self.queue.try_send(event.clone());
        if matches!(given, Err(TrySendError::Full(_))) {
            self.cut_off.store(true, Ordering::Release);
        }
        given.is_ok()
    }
}

/// Tells the listener that a reader has left.
struct Leave {
    channel: String,
    requests: UnboundedSender<Request>,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let channel = std::mem::take(&mut self.channel);
        // A listener that has ended knows.
        let _ = self.requests.send(Request::Left { channel });
    }
}

struct Listener {
    sink: PubSubSink,
    channels: HashMap<String, Vec<Voice>>,
    clock: Arc<dyn Clock>,
}

impl Listener {
    /// Listens until nobody follows anything, or the connection is lost: then every reader is cut off, and follows anew.
    async fn run(mut self, mut messages: PubSubStream, mut requests: UnboundedReceiver<Request>) {
        let mut ping = self.clock.sleep(PING_EVERY);
        loop {
            let went_well = tokio::select! {
                message = messages.next() => match message {
                    Some(message) => self.hear(&message).await,
                    None => Err(Fault::unavailable("Redis closed the connection that listens")),
                },
                request = requests.recv() => match request {
                    Some(request) => self.answer(request).await,
                    None => break,
                },
                () = &mut ping => {
                    ping = self.clock.sleep(PING_EVERY);
                    self.ask(async |sink| sink.ping::<String>().await.map(drop)).await
                }
            };
            if let Err(fault) = went_well {
                let source = cause_of(&fault);
                tracing::warn!(source, "{fault}; readers of runs go to the log and listen anew");
                break;
            }
            if self.channels.is_empty() {
                break;
            }
        }
        // Those who asked in the last moment ask again.
        requests.close();
        cut_off(self.channels.values().flatten());
    }

    async fn hear(&mut self, message: &Msg) -> Result<(), Fault> {
        let channel = message.get_channel_name();
        if message.get_payload_bytes().is_empty() {
            self.channels.remove(channel);
            return self.unsubscribe(channel).await;
        }
        let event = match serde_json::from_slice::<RunEvent>(message.get_payload_bytes()) {
            Ok(event) => Arc::new(event),
            Err(error) => {
                // Another version of this program writes it: its readers go to the log.
                tracing::warn!(channel, %error, "an event of a run cannot be read");
                cut_off(self.channels.remove(channel).iter().flatten());
                return self.unsubscribe(channel).await;
            }
        };
        let Some(voices) = self.channels.get_mut(channel) else {
            return Ok(());
        };
        voices.retain(|voice| voice.give(&event));
        self.leave_if_silent(channel).await
    }

    async fn answer(&mut self, request: Request) -> Result<(), Fault> {
        match request {
            Request::Listen {
                channel,
                voice,
                listening,
            } => {
                if !self.channels.contains_key(&channel) {
                    self.ask(async |sink| sink.subscribe(&channel).await).await?;
                }
                self.channels.entry(channel).or_default().push(voice);
                // Who has left meanwhile says so.
                let _ = listening.send(());
                Ok(())
            }
            Request::Left { channel } => {
                if let Some(voices) = self.channels.get_mut(&channel) {
                    voices.retain(|voice| !voice.queue.is_closed());
                }
                self.leave_if_silent(&channel).await
            }
        }
    }

    async fn leave_if_silent(&mut self, channel: &str) -> Result<(), Fault> {
        if self.channels.get(channel).is_none_or(|voices| !voices.is_empty()) {
            return Ok(());
        }
        self.channels.remove(channel);
        self.unsubscribe(channel).await
    }

    async fn unsubscribe(&mut self, channel: &str) -> Result<(), Fault> {
        self.ask(async |sink| sink.unsubscribe(channel).await).await
    }

    /// Asks Redis something, within a deadline. After a fault the connection is of no use any more.
    async fn ask(&mut self, ask: impl AsyncFnOnce(&mut PubSubSink) -> RedisResult<()>) -> Result<(), Fault> {
        let clock = self.clock.clone();
        let asking = within(&*clock, WAIT, ask(&mut self.sink));
        asking.await.map_err(Fault::timed_out)?.map_err(fault)
    }
}

/// Tells readers that the end of their queue is not the run's.
fn cut_off<'a>(voices: impl Iterator<Item = &'a Voice>) {
    for voice in voices {
        voice.cut_off.store(true, Ordering::Release);
    }
}
