//! Every background loop of the server.

use std::{future::Future, time::Duration};

use chancery_ambient::{Fault, Tasks, cause_of};
use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::{adapters, app::App, retention::PassEnd};

/// How often each loop looks. All are safe to run on every replica at once: what they change is claimed or conditional.
const RELAY_EVERY: Duration = Duration::from_secs(1);
const RECOVER_EVERY: Duration = Duration::from_secs(5);
const KEYS_EVERY: Duration = Duration::from_secs(5);
const REVOCATIONS_EVERY: Duration = Duration::from_millis(250);
const TIME_EVERY: Duration = Duration::from_secs(1);
const MAIL_EVERY: Duration = Duration::from_secs(1);
/// A run stops within a second of being told, wherever that is said.
const ORDERS_EVERY: Duration = Duration::from_millis(300);
const SEATS_EVERY: Duration = Duration::from_secs(10);
const PRUNE_EVERY: Duration = Duration::from_mins(1);
const RETENTION_EVERY: Duration = Duration::from_mins(10);
const TOOLS_EVERY: Duration = Duration::from_secs(30);

/// Starts the loops; they end when `stop` is cancelled.
pub(crate) fn start(app: &App, stop: &CancellationToken) {
    let relay = app.clone();
    spawn(app, stop, "relay", RELAY_EVERY, move || {
        let app = relay.clone();
        async move {
            let delivered = app.relay.deliver().await?;
            app.metrics.count_relayed(delivered);
            Ok(())
        }
    });
    let recovery = app.clone();
    spawn(app, stop, "run recovery", RECOVER_EVERY, move || {
        let app = recovery.clone();
        async move {
            let ended = app.runs.recover_abandoned().await?;
            app.metrics.count_recovered(ended);
            Ok(())
        }
    });
    for (name, keys) in [("api keys", &app.api_keys), ("trust keys", &app.trust_keys)] {
        let keys = keys.clone();
        spawn(app, stop, name, KEYS_EVERY, move || {
            let keys = keys.clone();
            async move { keys.tick().await }
        });
    }
    let revocations = app.tokens.clone();
    spawn(app, stop, "revocations", REVOCATIONS_EVERY, move || {
        let revocations = revocations.clone();
        async move { revocations.follow_revocations().await }
    });
    if let Some(time_keeper) = app.time_keeper.clone() {
        spawn(app, stop, "time", TIME_EVERY, move || {
            let time_keeper = time_keeper.clone();
            async move { time_keeper.follow().await }
        });
    }
    let expired = app.tokens.revocations().clone();
    spawn(app, stop, "expired revocations", PRUNE_EVERY, move || {
        let expired = expired.clone();
        async move { expired.prune().await.map(drop) }
    });
    let nonces = app.service_accounts.clone();
    spawn(app, stop, "used nonces", PRUNE_EVERY, move || {
        let nonces = nonces.clone();
        async move { nonces.prune_nonces().await.map(drop) }
    });
    let orders = app.clone();
    spawn(app, stop, "orders to runs", ORDERS_EVERY, move || {
        let app = orders.clone();
        async move {
            app.runs.follow_cancels().await?;
            end_runs_of_suspended(&app).await
        }
    });
    let seats = app.runs.clone();
    spawn(app, stop, "seats of streams", SEATS_EVERY, move || {
        let seats = seats.clone();
        async move { seats.keep_seats().await }
    });
    let names = app.runs.clone();
    spawn(app, stop, "old names of turns", PRUNE_EVERY, move || {
        let names = names.clone();
        async move { names.prune_claims().await.map(drop) }
    });
    let mail = app.people.clone();
    spawn(app, stop, "mail", MAIL_EVERY, move || {
        let mail = mail.clone();
        async move { mail.send_mail().await.map(drop) }
    });
    let tools = app.tools.clone();
    spawn(app, stop, "tools", TOOLS_EVERY, move || {
        let tools = tools.clone();
        async move { adapters::prepare(&tools).await }
    });
    let old = app.clone();
    spawn(app, stop, "retention", RETENTION_EVERY, move || {
        let app = old.clone();
        async move { forget(&app).await }
    });
    let links = app.people.clone();
    spawn(app, stop, "expired links", PRUNE_EVERY, move || {
        let links = links.clone();
        async move { links.prune_links().await.map(drop) }
    });
}

/// Forgets what is too old. The first fault of several is told.
async fn forget(app: &App) -> Result<(), Fault> {
    let passes = app.retention.forget().await;
    app.metrics.observe_retention(&passes, app.ambient.now());
    let fault = passes.into_iter().find_map(|pass| match pass.end {
        PassEnd::Failed(fault) => Some(fault),
        PassEnd::Complete | PassEnd::Elsewhere => None,
    });
    fault.map_or(Ok(()), Err)
}

/// Runs of a suspended tenant do not go on. Suspending revokes the tenant's tokens, and every process holds every revocation: so
/// the store is asked about tenants alone that may be suspended.
async fn end_runs_of_suspended(app: &App) -> Result<(), Fault> {
    for (tenant, owner) in app.runs.live_owners() {
        if app.tokens.revocations().has_tenant(tenant) && app.accounts.is_suspended(tenant, owner).await? {
            app.runs.suspend(tenant);
        }
    }
    Ok(())
}

/// Runs `work` again and again with `pause` between. The loop goes on after a fault; of many in a row the first is logged,
/// and the end of the row.
fn spawn<W, F>(app: &App, stop: &CancellationToken, name: &'static str, pause: Duration, work: W)
where
    W: Fn() -> F + Send + 'static,
    F: Future<Output = Result<(), Fault>> + Send + 'static,
{
    let (stop, clock) = (stop.clone(), app.ambient.clock.clone());
    let beat = async move {
        let mut faults = 0_u64;
        loop {
            match work().await {
                Ok(()) if faults > 0 => {
                    tracing::info!(worker = name, faults, "works again");
                    faults = 0;
                }
                Ok(()) => {}
                Err(fault) => {
                    if faults == 0 {
                        let source = cause_of(&fault);
                        tracing::warn!(worker = name, source, "{fault}");
                    }
                    faults += 1;
                }
            }
            // Only the pause is interrupted: work in a store is never dropped half-way.
            tokio::select! {
                () = stop.cancelled() => break,
                () = clock.sleep(pause) => {}
            }
        }
    };
    app.tasks.spawn(beat.boxed());
}
