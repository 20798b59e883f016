//! Waiting for a condition, with a deadline and a name. Nothing else in the tests sleeps.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::clock::Stopwatch;

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Polls until the probe answers `Ok`; its `Err` says what is missing and is shown if the
/// deadline passes first.
pub async fn wait_for<T, F, Fut>(what: impl Display, deadline: Duration, mut probe: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let watch = Stopwatch::start();
    let mut last = anyhow!("not looked at once");
    while watch.elapsed() < deadline {
        let left = deadline.saturating_sub(watch.elapsed());
        match tokio::time::timeout(left, probe()).await {
            Ok(Ok(seen)) => return Ok(seen),
            Ok(Err(missing)) => last = missing,
            Err(_) => last = anyhow!("the look itself did not end; before that: {last:#}"),
        }
        tokio::time::sleep(POLL).await;
    }
    Err(anyhow!("waited {deadline:?} for {what}; last seen: {last:#}"))
}

/// Lets time pass: for what lasts a while, such as the life of a node in a storm of restarts.
pub async fn pass(span: Duration) {
    tokio::time::sleep(span).await;
}

/// Checks that a condition stays true for a while: for promises of the form "does not happen".
pub async fn stays<F, Fut>(what: impl Display, span: Duration, mut probe: F) -> Result<()>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let watch = Stopwatch::start();
    while watch.elapsed() < span {
        probe().await.map_err(|e| {
            e.context(format!("after {:?} it was no longer so: {what}", watch.elapsed()))
        })?;
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
