//! Every replica tells the time of the database they share.

use std::{sync::Arc, time::Duration};

use chancery_ambient::{Ambient, Clock, DisciplinedClock, Fault, Offset};
use chancery_store_sql::Database;

/// How far the machine's calendar may be off. The server does not go by it, but whoever reads its logs does, and so does what else
/// runs there.
const FURTHEST: Duration = Duration::from_secs(2);

/// For how long the time is known without another word of the database: longer than it restarts.
const KNOWN_FOR: Duration = Duration::from_secs(90);

/// How often the time is asked for at the start before that is left to the worker.
const TRIES: usize = 3;

/// Asks the database what time it is, again and again.
pub(crate) struct TimeKeeper {
    clock: Arc<DisciplinedClock>,
    database: Database,
}

impl TimeKeeper {
    /// Takes over the database's time, where it has one, and gives the ambience that tells it.
    pub(crate) async fn start(
        database: &Database,
        ambient: Ambient,
    ) -> Result<(Ambient, Option<Arc<Self>>), Fault> {
        let clock = Arc::new(DisciplinedClock::new(ambient.clock.clone()));
        let keeper = Self {
            clock: clock.clone(),
            database: database.clone(),
        };
        for _ in 0..TRIES {
            if !keeper.ask().await? {
                return Ok((ambient, None));
            }
            if keeper.offset().is_some() {
                break;
            }
        }
        Ok((Ambient { clock, ..ambient }, Some(Arc::new(keeper))))
    }

    /// A worker's turn.
    pub(crate) async fn follow(&self) -> Result<(), Fault> {
        self.ask().await.map(drop)
    }

    /// Asks once; `false` when the database has no time. An answer that was long on its way is not believed; the next one may be.
    async fn ask(&self) -> Result<bool, Fault> {
        let asked = self.clock.monotonic();
        let Some(told) = self.database.time().await? else {
            return Ok(false);
        };
        if let Err(slow) = self.clock.set(told, asked) {
            tracing::debug!("{slow}");
        }
        Ok(true)
    }

    /// How the machine's calendar stands to the database's, while that is known.
    pub(crate) fn offset(&self) -> Option<Offset> {
        self.clock.offset().filter(|offset| offset.age <= KNOWN_FOR)
    }

    /// Whether the time is known, and the machine's is right.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let Some(offset) = self.offset() else {
            return Err("the database's time has not been heard for too long".to_owned());
        };
        let ahead = Duration::from_micros(offset.ahead.unsigned_abs());
        if ahead <= FURTHEST {
            return Ok(());
        }
        let where_to = if offset.ahead > 0 { "ahead of" } else { "behind" };
        Err(format!(
            "this machine's clock is {:.1} s {where_to} the database's: mend one of them",
            ahead.as_secs_f64()
        ))
    }
}
