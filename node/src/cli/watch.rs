//! `--watch`: shows something again and again, until interrupted.

use std::time::Duration;

use rampart_api::client::ClientError;
use serde::Serialize;

use super::context::Context;
use super::failure::Failure;

/// How often `--watch` looks.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Shows what `look` sees; with `is_watched` each second, until interrupted.
pub(super) async fn show<T: Serialize>(
    context: &Context,
    is_watched: bool,
    look: impl AsyncFn() -> Result<T, ClientError>,
    table: impl Fn(&T) -> String,
) -> Result<(), Failure> {
    context.printer.print(&look().await?, &table)?;
    if !is_watched {
        return Ok(());
    }
    let mut every = tokio::time::interval(WATCH_EVERY);
    every.tick().await;
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            _ = every.tick() => {}
        }
        context.printer.print(&look().await?, &table)?;
    }
}
