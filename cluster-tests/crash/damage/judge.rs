//! Judges damaged copies, in a process of its own that may die of one. The rule: what is there is
//! what was written, or its end above the synced mark is missing, or somebody refuses and says why;
//! a store that was refused is refused again, and one that opens goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use clap::Args;
use rampart_api::model::ids::GroupId;
use rampart_raft_store::error::OpenError;
use rampart_raft_store::inspect::Inspector;
use rampart_raft_store::{Store, StoreOptions};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::harm::{self, Harm};
use super::template::Template;
use crate::look::{Blind, look};
use crate::model::History;
use crate::writer::{Manner, Writer};

/// Steps on a store that opened.
const STEPS_AFTER: u32 = 4;
/// What every refusal advises.
const ADVICE: [&str; 3] =
    ["move the whole data directory", "start the newer program", "replace it"];

/// Which damages to judge.
#[derive(Debug, Args)]
pub(crate) struct Batch {
    /// The template's folder.
    #[arg(long)]
    pub(super) template: PathBuf,
    /// Folder for the copies.
    #[arg(long)]
    pub(super) below: PathBuf,
    /// Seed of the template's damages.
    #[arg(long)]
    pub(super) seed: u64,
    /// The first.
    #[arg(long)]
    pub(super) from: u64,
    /// The first that is not judged any more.
    #[arg(long)]
    pub(super) to: u64,
}

/// One line of the judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Line {
    /// It is looked at next.
    Begins { number: u64, harm: String },
    /// It is judged.
    Judged { number: u64, harm: String, outcome: Outcome },
}

/// What came of a damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// Everything is there.
    Harmless,
    /// The end above the mark is missing.
    Cut,
    /// The store does not open and says what to do.
    StoreRefused,
    /// A replica does not open, or refuses what is damaged when it is read.
    ReplicaRefused,
    /// It opens; the damage is found, and said, when more is written.
    FoundLater,
    /// A rule is broken.
    Wrong(String),
}

/// Judges a batch, a line before and after each.
pub(crate) fn judge(batch: &Batch) -> Result<()> {
    let panics = count_panics();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let template = Template::open(&batch.template)?;
    let (files, earlier) = (template.files()?, template.earlier_files()?);
    for number in batch.from..batch.to {
        let mut rng = StdRng::seed_from_u64(batch.seed.wrapping_mul(0x9e37_79b9) ^ number);
        let harm = harm::draw(number, &files, &earlier, &mut rng)?;
        let named = format!("{} ({}, mark {:?})", harm.name, harm.file, harm.mark);
        say(&Line::Begins { number, harm: named.clone() })?;
        let copy = TempDir::with_prefix_in("rampart-damaged-", &batch.below)?;
        let before = panics.load(Ordering::SeqCst);
        let judged =
            catch_unwind(AssertUnwindSafe(|| one(&template, &harm, copy.path(), &runtime)));
        let mut outcome = match judged {
            Ok(outcome) => outcome?,
            Err(_) => Outcome::Wrong("a panic".to_owned()),
        };
        if panics.load(Ordering::SeqCst) > before {
            outcome = Outcome::Wrong(format!("a panic (else {outcome:?})"));
        }
        let harm = if matches!(outcome, Outcome::Wrong(_)) { named } else { harm.name };
        say(&Line::Judged { number, harm, outcome })?;
    }
    Ok(())
}

fn say(line: &Line) -> Result<()> {
    println!("{}", serde_json::to_string(line)?);
    Ok(())
}

/// Counts panics on any thread.
fn count_panics() -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counter = count.clone();
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        counter.fetch_add(1, Ordering::SeqCst);
        print(panic);
    }));
    count
}

fn options() -> StoreOptions {
    Manner { tail_cache_bytes: 0, ..Manner::of(0) }.options()
}

fn one(template: &Template, harm: &Harm, dir: &Path, runtime: &Runtime) -> Result<Outcome> {
    let mut history = template.copy(dir, harm.mark)?;
    harm.apply(dir)?;
    inspect(dir);
    let store = match Store::open(dir, options()) {
        Ok(store) => store,
        Err(error) => return Ok(refused(dir, harm, &error)),
    };
    let found = match runtime.block_on(look(&store)) {
        Ok((found, _)) => found,
        Err(Blind::Refused(_)) => return Ok(Outcome::ReplicaRefused),
        Err(Blind::Wrong(what)) => return Ok(Outcome::Wrong(what)),
    };
    let survived = match history.check(&found) {
        Ok(survived) => survived,
        Err(what) => return Ok(Outcome::Wrong(what)),
    };
    let outcome = match survived == history.open_steps() {
        true => Outcome::Harmless,
        false => Outcome::Cut,
    };
    drop(store);
    history.rebase(&found);
    Ok(go_on(dir, &history, runtime).unwrap_or(outcome))
}

/// Looks at it as `rampart debug inspect` does: whatever that says, it ends.
fn inspect(dir: &Path) {
    let Ok(inspector) = Inspector::open(dir) else { return };
    for report in inspector.groups().unwrap_or_default() {
        let entries = inspector.entries(GroupId(report.group.0), 0);
        // Counted, so that each is read.
        let _ = entries.take_while(|entry| entry.is_ok()).count();
    }
}

fn refused(dir: &Path, harm: &Harm, error: &OpenError) -> Outcome {
    let text = error.to_string();
    let is_right = match error {
        OpenError::Damaged { .. } => true,
        OpenError::Newer { .. } => harm.class == "format",
        OpenError::InUse { .. } | OpenError::Full { .. } | OpenError::Unusable { .. } => false,
    };
    if !is_right || !ADVICE.iter().any(|advice| text.contains(advice)) {
        return Outcome::Wrong(format!("refused with other words: {text}"));
    }
    match Store::open(dir, options()) {
        Ok(_) => Outcome::Wrong(format!("opens at the second try; at the first: {text}")),
        Err(_) => Outcome::StoreRefused,
    }
}

/// Opens it again, goes on with it, and opens it once more; answers what is other than it was.
fn go_on(dir: &Path, history: &History, runtime: &Runtime) -> Option<Outcome> {
    let (recorded, listener) = super::template::recorder();
    let worked = runtime.block_on(async {
        let store = Store::open(dir, options()).context("at the second start")?;
        let mut writer = Writer::start(store, 7, Manner::of(0), listener).await?;
        for _ in 0..STEPS_AFTER {
            writer.step().await?;
        }
        writer.rest().await
    });
    let base = recorded.lock().map(|recorded| recorded.clone()).ok()?;
    if !history.begins_like(&base) {
        let what = format!("at the second start it is not what it was: {worked:?}");
        return Some(Outcome::Wrong(what));
    }
    // Damage in what nobody reads any more may end a compaction, and with it all writing.
    let was_found = worked.is_err();
    let found = match Store::open(dir, options()) {
        Ok(store) => runtime.block_on(look(&store)),
        Err(_) if was_found => return Some(Outcome::FoundLater),
        Err(error) => return Some(Outcome::Wrong(format!("at the third start: {error}"))),
    };
    match found.map(|(found, _)| base.check(&found)) {
        Ok(Err(what)) => Some(Outcome::Wrong(format!("at the third start: {what}"))),
        Ok(Ok(_)) if !was_found => None,
        Ok(Ok(_)) | Err(Blind::Refused(_)) => Some(Outcome::FoundLater),
        Err(Blind::Wrong(what)) => Some(Outcome::Wrong(what)),
    }
}
