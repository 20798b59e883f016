//! The writer as a process: opens a store, works on it until somebody ends it, says everything on
//! its output. Told `end` it closes the store in order.

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use rampart_raft_store::Store;

use super::{Listener, Manner, Writer};
use crate::event::Event;

/// Runs until it is told to end, or is ended.
pub(crate) fn run(dir: &Path, seed: u64) -> Result<()> {
    let listener = to_output();
    let is_over = told_to_end();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let worked = runtime.block_on(work(dir, seed, listener.clone(), &is_over));
    drop(runtime);
    listener(match &worked {
        Ok(()) => Event::Ended,
        Err(error) => Event::Failed(format!("{error:#}")),
    });
    Ok(())
}

async fn work(dir: &Path, seed: u64, listener: Listener, is_over: &AtomicBool) -> Result<()> {
    let manner = Manner::of(seed);
    let store = Store::open(dir, manner.options()).context("open")?;
    let mut writer = Writer::start(store, seed, manner, listener).await.context("start")?;
    while !is_over.load(Ordering::Relaxed) {
        writer.step().await?;
    }
    writer.rest().await
}

/// Lines on the output, each written whole.
fn to_output() -> Listener {
    let output = Mutex::new(std::io::stdout());
    Arc::new(move |event: Event| {
        let mut line = serde_json::to_vec(&event).expect("events are plain data");
        line.push(b'\n');
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever watched is gone: then nobody needs it.
        let _ = output.write_all(&line).and_then(|()| output.flush());
    })
}

fn told_to_end() -> Arc<AtomicBool> {
    let is_over = Arc::new(AtomicBool::new(false));
    let flag = is_over.clone();
    std::thread::spawn(move || {
        // Also if whoever watched is gone.
        let _ = std::io::stdin().lock().lines().next();
        flag.store(true, Ordering::Relaxed);
    });
    is_over
}
