//! The runtime that openraft, and every task of the node, runs on: tokio's. With the feature
//! `simulation` a task draws openraft's random numbers from a seed that it inherits from the task
//! that spawned it, and work that blocks runs where it is asked for: then one seed repeats a run.

use std::future::Future;
use std::io;

use openraft::AsyncRuntime;
use tokio::task::JoinHandle;

/// Tokio.
#[cfg(not(feature = "simulation"))]
pub type Runtime = openraft::impls::TokioRuntime;
/// Tokio, with random numbers that a seed decides.
#[cfg(feature = "simulation")]
pub type Runtime = openraft::rt::deterministic_rng::DeterministicRng<openraft::impls::TokioRuntime>;

/// Starts a task.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Runtime::spawn(future)
}

/// Runs work that may block on a thread for such work. An error is a panic of the work, or the end
/// of the runtime.
#[cfg(not(feature = "simulation"))]
pub async fn run_blocking<T, W>(work: W) -> io::Result<T>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

/// Runs work right here: there is no other thread, and the disk in memory does not block.
#[cfg(feature = "simulation")]
pub async fn run_blocking<T, W>(work: W) -> io::Result<T>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    Ok(work())
}

/// Runs a future whose tasks, and theirs, draw their random numbers from this seed.
#[cfg(feature = "simulation")]
pub async fn seeded<F: Future>(seed: u64, future: F) -> F::Output {
    Runtime::scope(seed, future).await
}
