//! `chancery serve`: start, and an orderly end.

use std::{error::Error, process::ExitCode, sync::Arc};

use chancery_ambient::Ambient;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    adapters,
    config::{Config, KeyStorage},
    first_owner, http,
    serve_lock::ServeLock,
    workers,
};

/// Serves until SIGTERM or SIGINT. Then no new connection is taken, live runs may end within the grace period, what is
/// left of them is ended as failed with its text kept, and the process ends.
pub(crate) async fn serve(config: Config) -> Result<ExitCode, Box<dyn Error>> {
    let _lock = if config.storage.postgres {
        None
    } else {
        Some(ServeLock::take(&config.data_dir)?)
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let app = adapters::build(&config, Ambient::system()).await?;
    let ambient = app.ambient.clone();
    let first_login = first_owner::ensure(&config, &app.accounts, &ambient).await?;
    if !config.storage.postgres {
        // This process alone may run on the file, so whatever still counts as live belongs to one that is gone.
        let ended = app.runs.recover_all().await?;
        app.metrics.count_recovered(ended);
    }
    let config = Arc::new(config);
    let (server, address) = http::bind(&config, &app)?;
    let stop_workers = CancellationToken::new();
    workers::start(&app, &stop_workers);
    warn_of_what_replicas_do_not_share(&config);
    tracing::info!(%address, "listening");
    first_owner::greet(&format!("http://{address}"), first_login.as_ref());

    let handle = server.handle();
    let orderly_end = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no new connections; live runs may end");
        let (drained, ()) = futures::join!(app.runs.drain(config.http.shutdown_grace), handle.stop(true));
        tracing::info!(runs_cut_short = drained, "stopped");
    };
    let (ended, ()) = futures::join!(server, orderly_end);
    ended?;
    stop_workers.cancel();
    if app
        .tasks
        .drain(&*ambient.clock, config.http.shutdown_grace)
        .await
        .is_err()
    {
        tracing::warn!("background work did not end in time");
    }
    for keys in [&app.api_keys, &app.trust_keys] {
        if let Err(fault) = keys.leave().await {
            tracing::warn!("{fault}: promotions wait for this process for 30 s");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn warn_of_what_replicas_do_not_share(config: &Config) {
    if !config.storage.postgres {
        return;
    }
    if matches!(config.storage.keys, KeyStorage::Files(_)) {
        tracing::warn!("signing keys are in files: replicas over this Postgres need the same DATA_DIR");
    }
    if config.storage.redis_url.is_none() {
        tracing::warn!(
            "without REDIS_URL replicas do not share counts of failed logins, and a reader on another replica sees the \
             events of a run up to a second later"
        );
    }
}
