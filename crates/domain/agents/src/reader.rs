//! One reader of one run: from the log and live, without gap or repeat.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use chancery_ambient::Fault;
use futures::{FutureExt, StreamExt, stream::BoxStream};

use crate::{Followed, ReadRefused, Run, RunEvent, RunParts};

/// Events read from the log at once. A reader that stops reading holds as many.
const PIECE: u16 = 128;

/// How often the log of a run that works elsewhere is looked at.
const POLL: Duration = Duration::from_secs(1);

/// A reader that falls behind the fan-out's buffer goes back to the log, as long as it had caught up with the run less than
/// this ago: a burst is no fault of its own. One that stays behind is cut off.
const SLOW: Duration = Duration::from_secs(10);

pub(crate) struct RunReader {
    parts: Arc<RunParts>,
    run: Arc<Run>,
    /// The last event that was given out, or that the reader had before.
    last: u64,
    /// To be given out; may hold what already was.
    queue: VecDeque<RunEvent>,
    live: Option<BoxStream<'static, Followed>>,
    /// (Monotonic) when the reader last waited for the run, and not the run for it.
    caught_up_at: Duration,
    /// The run was seen ended: what the log does not hold now never comes.
    run_ended: bool,
    over: bool,
}

impl RunReader {
    /// A reader of what follows event `after`.
    pub(crate) fn new(parts: Arc<RunParts>, run: Arc<Run>, after: u64) -> Self {
        let caught_up_at = parts.ambient.clock.monotonic();
        let run_ended = !run.status.is_live();
        Self {
            parts,
            run,
            last: after,
            queue: VecDeque::new(),
            live: None,
            caught_up_at,
            run_ended,
            over: false,
        }
    }

    /// The next event; `None` after the terminal one.
    pub(crate) async fn next(&mut self) -> Result<Option<RunEvent>, ReadRefused> {
        while !self.over {
            while let Some(event) = self.queue.pop_front() {
                if self.queue.is_empty() {
                    // What was caught up with took room that following does not need.
                    self.queue = VecDeque::new();
                }
                if event.id > self.last {
                    self.last = event.id;
                    self.over = event.what.is_terminal();
                    return Ok(Some(event));
                }
            }
            match self.live.take() {
                Some(live) => self.listen(live).await?,
                None => self.look_up().await?,
            }
        }
        Ok(None)
    }

    async fn listen(&mut self, mut live: BoxStream<'static, Followed>) -> Result<(), ReadRefused> {
        let now = self.parts.ambient.clock.monotonic();
        let followed = if let Some(ready) = live.next().now_or_never() {
            ready
        } else {
            self.caught_up_at = now;
            live.next().await
        };
        match followed {
            Some(Followed::Event(event)) => {
                self.queue.push_back(event);
                self.live = Some(live);
                Ok(())
            }
            Some(Followed::CutOff) if now.saturating_sub(self.caught_up_at) > SLOW => {
                Err(ReadRefused::CutOff)
            }
            // The log has the rest, or soon will.
            Some(Followed::CutOff) | None => Ok(()),
        }
    }

    /// Goes to the fan-out and, where that does not reach back far enough, to the log.
    async fn look_up(&mut self) -> Result<(), Fault> {
        let (tenant, run) = (self.run.tenant, self.run.id);
        // First, so that nothing falls between the two.
        let following = if self.run_ended {
            None
        } else {
            self.parts.fan_out.follow(tenant, run).await
        };
        let Some(following) = following else {
            return self.look_into_log().await;
        };
        let reaches_back = following
            .kept
            .first()
            .is_some_and(|first| first.id <= self.last.saturating_add(1));
        if !reaches_back {
            let piece = self.parts.runs.read_log(tenant, run, self.last, PIECE).await?;
            let more = piece.len() >= usize::from(PIECE);
            self.queue.extend(piece);
            if more {
                // Catching up piece by piece; what is live would only pile up meanwhile.
                return Ok(());
            }
        }
        self.queue.extend(following.kept);
        self.live = Some(following.live);
        Ok(())
    }

    /// For a run that works elsewhere, or has ended.
    async fn look_into_log(&mut self) -> Result<(), Fault> {
        let (tenant, run) = (self.run.tenant, self.run.id);
        self.queue
            .extend(self.parts.runs.read_log(tenant, run, self.last, PIECE).await?);
        if !self.queue.is_empty() {
            return Ok(());
        }
        if self.run_ended {
            self.over = true;
            return Ok(());
        }
        match self.parts.runs.find(tenant, self.run.owner, run).await? {
            // Its last events may have come since the log was read: it is read once more.
            Some(run) if !run.status.is_live() => self.run_ended = true,
            Some(_) => self.parts.ambient.sleep(POLL).await,
            // Deleted with its conversation.
            None => self.over = true,
        }
        Ok(())
    }
}
