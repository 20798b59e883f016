//! A closed store with known content, made once and damaged in many copies: tables, a write-ahead
//! log behind them, an earlier copy of the same files, and the synced mark of a moment before the
//! end, as a power cut may leave it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use rampart_raft_store::{EngineKind, Store};

use crate::event::Event;
use crate::files;
use crate::model::History;
use crate::writer::{Listener, Manner, Writer};

const STORE: &str = "store";
const EARLIER: &str = "earlier";
const HISTORIES: &str = "histories.json";
/// The synced mark, and the file that keeps the one of before.
const MARK: &str = "SYNCED";
const MARK_BEFORE: &str = "mark-before";

const STEPS_BEFORE: u32 = 250;
const STEPS_ABOVE_MARK: u32 = 12;

/// How a template is filled: small, for it is copied often. One in two is of either engine. One in
/// two has small write buffers, so that there are many tables or segments and a short log before
/// them; the others have a log of many blocks.
fn manner(seed: u64) -> (Manner, u32) {
    let engine = match seed.is_multiple_of(2) {
        true => EngineKind::RocksDb,
        false => EngineKind::Journal,
    };
    let (write_buffer_bytes, steps_in_log) = match (seed / 2).is_multiple_of(2) {
        true => (64 << 10, 40),
        false => (8 << 20, 200),
    };
    let manner = Manner {
        engine,
        groups: 3,
        in_flight: 8,
        value_bytes_max: 1_000,
        write_buffer_bytes,
        tail_cache_bytes: 0,
    };
    (manner, steps_in_log)
}

/// How far the mark says that the store was synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkAt {
    /// All of it: nothing may be missing.
    End,
    /// Not the last steps: they may be missing, as a torn tail.
    Before,
}

/// A template on disk.
#[derive(Debug)]
pub(super) struct Template {
    folder: PathBuf,
    at_end: History,
    before: History,
}

impl Template {
    /// Makes one in a folder.
    pub(super) fn make(folder: &Path, seed: u64) -> Result<()> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(fill(folder, seed))
    }

    /// Reads one.
    pub(super) fn open(folder: &Path) -> Result<Template> {
        let histories = std::fs::read(folder.join(HISTORIES))?;
        let (at_end, before) = serde_json::from_slice(&histories)?;
        Ok(Template { folder: folder.to_owned(), at_end, before })
    }

    /// Makes a copy of the store, with the mark where it is wanted; answers what it must hold.
    pub(super) fn copy(&self, to: &Path, mark: MarkAt) -> Result<History> {
        files::copy(&self.folder.join(STORE), to)?;
        if mark == MarkAt::End {
            return Ok(self.at_end.clone());
        }
        std::fs::copy(self.folder.join(MARK_BEFORE), to.join(MARK))?;
        Ok(self.before.clone())
    }

    /// The store's files, and their content.
    pub(super) fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        contents(&self.folder.join(STORE))
    }

    /// The same from an earlier moment.
    pub(super) fn earlier_files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        contents(&self.folder.join(EARLIER))
    }
}

fn contents(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let names = files::names(folder)?.into_iter();
    names.map(|name| Ok((name.clone(), std::fs::read(folder.join(name))?))).collect()
}

/// Keeps a history of what a writer says.
pub(super) fn recorder() -> (Arc<Mutex<History>>, Listener) {
    let history = Arc::new(Mutex::new(History::default()));
    let kept = history.clone();
    let listener = Arc::new(move |event| {
        let mut history = lock(&kept);
        match event {
            Event::Found(found) => history.rebase(&found),
            Event::Begun { id, group, step } => history.begun(id, group, step),
            Event::Durable { id, snapshot } => history.acknowledged(id, snapshot),
            Event::Ended | Event::Failed(_) => {}
        }
    });
    (history, listener)
}

fn lock(history: &Mutex<History>) -> MutexGuard<'_, History> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn start(dir: &Path, seed: u64, manner: Manner, listener: Listener) -> Result<Writer> {
    let store = Store::open(dir, manner.options()).context("open")?;
    Writer::start(store, seed, manner, listener).await
}

async fn fill(folder: &Path, seed: u64) -> Result<()> {
    let dir = folder.join(STORE);
    let (manner, steps_in_log) = manner(seed);
    let (_, listener) = recorder();
    let mut writer = start(&dir, seed, manner, listener).await?;
    for _ in 0..STEPS_BEFORE {
        writer.step().await?;
    }
    writer.rest().await?;
    drop(writer);

    let (history, listener) = recorder();
    let mut writer = start(&dir, seed + 1, manner, listener).await?;
    for _ in 0..steps_in_log {
        writer.step().await?;
    }
    writer.rest().await?;
    let marked = lock(&history).steps();
    std::fs::copy(dir.join(MARK), folder.join(MARK_BEFORE))?;
    files::copy(&dir, &folder.join(EARLIER))?;
    for _ in 0..STEPS_ABOVE_MARK {
        writer.step().await?;
    }
    writer.rest().await?;
    // The last record is a small one: each of its bytes is once the first that is missing.
    writer.end_small().await?;
    drop(writer);
    let at_end = lock(&history).clone().durable_up_to(usize::MAX);
    let before = at_end.clone().durable_up_to(marked);
    std::fs::write(folder.join(HISTORIES), serde_json::to_vec(&(at_end, before))?)?;
    Ok(())
}
