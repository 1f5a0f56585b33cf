//! Where a run works: everything it waits for, it waits for here, so that it can be stopped, keeps its lease and has an end.

use std::{future::Future, time::Duration};

use chancery_ambient::Ambient;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    Item, ItemPlace, ItemStatus, ItemType, What,
    log_writer::{LogWriter, Lost},
};

/// Why a run stops before its agent is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Its owner asked.
    Cancelled,
    /// The server is going down.
    Shutdown,
    /// Its tenant was suspended.
    Suspended,
    /// It took too long.
    TimedOut,
    /// It is somebody else's now.
    Lost,
}

impl From<Lost> for Stop {
    fn from(Lost: Lost) -> Self {
        Self::Lost
    }
}

/// What others tell a live run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Go on.
    Work,
    /// Stop: the owner asked.
    Cancel,
    /// Stop: the server is going down.
    Shutdown,
    /// Stop: the tenant was suspended.
    Suspend,
}

pub(crate) struct Desk {
    pub(crate) log: LogWriter,
    ambient: Ambient,
    orders: watch::Receiver<Order>,
    ends: Duration,
    spoken: Spoken,
    /// What the agent at work says is for another agent, and not shown.
    aside: bool,
}

/// What a run has said so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Spoken {
    open: Option<(ItemPlace, ItemType)>,
    /// The calls that wait for the open one.
    #[serde(default)]
    outer: Vec<ItemPlace>,
    next_item: u32,
    text: String,
    refusal: String,
}

impl Spoken {
    /// All text so far, in the form that is stored.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Takes the open item off; the call that waited for it is the open one then.
    fn take_open(&mut self) -> Option<(ItemPlace, ItemType)> {
        let open = self.open.take();
        let waits = self.outer.pop();
        self.open = waits.map(|place| (place, ItemType::FunctionCall));
        open
    }
}

/// That an item is over.
fn done((place, item_type): (ItemPlace, ItemType), status: ItemStatus) -> What {
    What::ItemDone(Item {
        place,
        item_type,
        status,
    })
}

impl Desk {
    pub(crate) fn new(
        log: LogWriter,
        ambient: Ambient,
        orders: watch::Receiver<Order>,
        limit: Duration,
        spoken: Spoken,
    ) -> Self {
        let ends = ambient.clock.monotonic() + limit;
        Self {
            log,
            ambient,
            orders,
            ends,
            spoken,
            aside: false,
        }
    }

    /// Waits for `work`, at most until the run's end; writes the log when that is due and listens to orders meanwhile.
    pub(crate) async fn wait<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let mut work = std::pin::pin!(work);
        loop {
            self.obey()?;
            let left = self.ends.saturating_sub(self.ambient.clock.monotonic());
            if left.is_zero() {
                return Err(Stop::TimedOut);
            }
            let pause = self.log.due_in().min(left);
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                // A sender that is gone gives no more orders; the run goes on.
                Ok(()) = self.orders.changed() => {}
                () = self.ambient.clock.sleep(pause) => {
                    if self.log.due_in().is_zero() {
                        self.log.flush().await?;
                    }
                }
            }
        }
    }

    fn obey(&self) -> Result<(), Stop> {
        match *self.orders.borrow() {
            Order::Cancel => Err(Stop::Cancelled),
            Order::Shutdown => Err(Stop::Shutdown),
            Order::Suspend => Err(Stop::Suspended),
            Order::Work if self.log.cancel_requested() => Err(Stop::Cancelled),
            Order::Work => Ok(()),
        }
    }

    /// From here on an agent speaks to the person, or aside, to the agent that asked it.
    pub(crate) fn speak_aside(&mut self, aside: bool) {
        self.aside = aside;
    }

    pub(crate) fn is_aside(&self) -> bool {
        self.aside
    }

    /// A piece of the answer.
    pub(crate) async fn say(&mut self, delta: String) -> Result<(), Stop> {
        if self.aside {
            return Ok(());
        }
        if self.spoken.open.is_none() && !self.spoken.text.is_empty() {
            self.spoken.text.push_str(crate::event::BETWEEN_MESSAGES);
        }
        let item = self.message_item().await?;
        self.spoken.text.push_str(&delta);
        Ok(self.log.emit(What::MessageDelta { item, delta }).await?)
    }

    /// A piece of a refusal.
    pub(crate) async fn refuse(&mut self, delta: String) -> Result<(), Stop> {
        if self.aside {
            return Ok(());
        }
        let item = self.message_item().await?;
        self.spoken.refusal.push_str(&delta);
        Ok(self.log.emit(What::RefusalDelta { item, delta }).await?)
    }

    /// The open message is whole.
    pub(crate) async fn end_message(&mut self) -> Result<(), Stop> {
        if self.aside {
            return Ok(());
        }
        let Some(message) = self.spoken.take_open() else {
            return Ok(());
        };
        if !self.spoken.refusal.is_empty() {
            self.log
                .emit(What::RefusalDone {
                    item: message.0.clone(),
                    text: self.spoken.refusal.clone(),
                })
                .await?;
        }
        Ok(self.log.emit(done(message, ItemStatus::Completed)).await?)
    }

    /// A new call, shown as in progress.
    pub(crate) async fn begin_call(&mut self) -> Result<ItemPlace, Stop> {
        let place = self.place("call");
        let item = Item {
            place: place.clone(),
            item_type: ItemType::FunctionCall,
            status: ItemStatus::InProgress,
        };
        self.log.emit(What::ItemAdded(item)).await?;
        let waits = self.spoken.open.take().map(|(place, _)| place);
        self.spoken.outer.extend(waits);
        self.spoken.open = Some((place.clone(), ItemType::FunctionCall));
        Ok(place)
    }

    /// The call is over.
    pub(crate) async fn end_call(&mut self, place: ItemPlace) -> Result<(), Stop> {
        self.spoken.take_open();
        let call = (place, ItemType::FunctionCall);
        Ok(self.log.emit(done(call, ItemStatus::Completed)).await?)
    }

    /// Ends the calls that are open inside `call` as broken off.
    pub(crate) async fn break_off(&mut self, call: &ItemPlace) -> Result<(), Stop> {
        while self.spoken.open.as_ref().is_some_and(|(place, _)| place != call)
            && let Some(open) = self.spoken.take_open()
        {
            self.log.emit(done(open, ItemStatus::Incomplete)).await?;
        }
        Ok(())
    }

    /// All text so far, in the form that is stored.
    pub(crate) fn text(&self) -> &str {
        &self.spoken.text
    }

    /// All refusal so far.
    pub(crate) fn refusal(&self) -> &str {
        &self.spoken.refusal
    }

    /// What a run that waits leaves: the log, and what it said.
    pub(crate) fn leave(self) -> (LogWriter, Spoken) {
        (self.log, self.spoken)
    }

    /// What the run leaves: the log, the text, the refusal, and the events that close an item that was left open.
    pub(crate) fn clear(mut self) -> (LogWriter, String, String, Vec<What>) {
        // The innermost first.
        let open = std::iter::from_fn(|| self.spoken.take_open());
        let broken_off = open.map(|item| done(item, ItemStatus::Incomplete)).collect();
        (self.log, self.spoken.text, self.spoken.refusal, broken_off)
    }

    async fn message_item(&mut self) -> Result<ItemPlace, Stop> {
        if let Some((place, _)) = &self.spoken.open {
            return Ok(place.clone());
        }
        let place = self.place("message");
        let item = Item {
            place: place.clone(),
            item_type: ItemType::Message,
            status: ItemStatus::InProgress,
        };
        self.log.emit(What::ItemAdded(item)).await?;
        self.spoken.open = Some((place.clone(), ItemType::Message));
        Ok(place)
    }

    fn place(&mut self, kind: &str) -> ItemPlace {
        let output_index = self.spoken.next_item;
        self.spoken.next_item += 1;
        ItemPlace {
            output_index,
            item_id: format!("{kind}_{output_index}"),
        }
    }
}
