//! `rampart debug inspect|unsafe-recover`: on the data directory of a node that is stopped.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use rampart_raft_store::{Store, StoreOptions};

use super::context::Context;
use super::failure::{Failure, UNSAFE};
use crate::data_dir::DataDir;
use crate::raft::unsafe_recover::{Recovery, unsafe_recover};

#[derive(Debug, Subcommand)]
pub(super) enum DebugCommand {
    /// UNSAFE, LOSES DATA: make one stopped node go on alone after a majority is gone for good.
    ///
    /// Only when most nodes of the cluster will never come back. Records that were acknowledged
    /// but had not reached this node are lost, records that never were acknowledged may appear,
    /// and partitions without a voting replica on this node are lost whole.
    ///
    /// 1. Stop every node that is left; never start one of them again with its old directory.
    /// 2. Run this with --dry-run on each: the one whose metadata log ends highest goes on.
    /// 3. Run it there with --yes, and start that node: it is a cluster of one.
    /// 4. Empty the directories of the others, and let them join as new nodes.
    #[command(verbatim_doc_comment)]
    UnsafeRecover {
        /// Data directory of the node that goes on.
        dir: PathBuf,
    },
}

pub(super) async fn run(command: DebugCommand, context: &Context) -> Result<(), Failure> {
    match command {
        DebugCommand::UnsafeRecover { dir } => recover(&dir, context).await,
    }
}

async fn recover(dir: &Path, context: &Context) -> Result<(), Failure> {
    if !context.is_confirmed && !context.is_dry_run {
        return Err(Failure::new("unsafe-recover LOSES DATA and can't be taken back")
            .code(UNSAFE)
            .hint("read `rampart debug unsafe-recover --help`, look with --dry-run, then --yes"));
    }
    let (data_dir, store) = open(dir)?;
    let done = unsafe_recover(data_dir.path(), &store, context.is_dry_run).await;
    let done = done.map_err(|error| Failure::new(format!("{}: {error}", dir.display())))?;
    context.printer.print(&done, |done| recovered(done, context.is_dry_run))
}

/// Takes a directory that exists: nothing is created by looking.
fn open(dir: &Path) -> Result<(DataDir, Store), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(error.to_string());
    if !dir.join("node.json").exists() {
        return Err(Failure::new(format!("{} is no data directory of a node", dir.display()))
            .hint("it is what `rampart server --data-dir` was given"));
    }
    let data_dir = DataDir::take(dir).map_err(|error| failed(&error))?;
    let store =
        Store::open(&data_dir.store(), StoreOptions::default()).map_err(|error| failed(&error))?;
    Ok((data_dir, store))
}

fn recovered(done: &Recovery, is_dry_run: bool) -> String {
    let (term, index) = done.metadata_log;
    let would = if is_dry_run { "would go on" } else { "goes on" };
    let mut text = format!(
        "node {} {would} alone; its metadata log ends at term {term}, index {index}\n",
        done.node
    );
    text.push_str(&format!("  partitions that go on: {}\n", list(&done.recovered)));
    text.push_str(&format!("  PARTITIONS THAT ARE LOST: {}\n", list(&done.lost)));
    let removed: Vec<String> = done.removed.iter().map(ToString::to_string).collect();
    text.push_str(&format!("  nodes taken out: {}\n", list(&removed)));
    if !done.lost.is_empty() {
        text.push_str("  a lost partition stays without a leader until its topic is deleted\n");
    }
    if !is_dry_run {
        text.push_str("  start it now; empty the directories of the other nodes before they join");
    }
    text
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
