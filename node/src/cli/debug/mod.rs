//! `rampart debug inspect|unsafe-recover`: on a data directory, without a running cluster.

mod inspect;
mod unsafe_recover;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::context::Context;
use super::failure::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum DebugCommand {
    /// Show what lies in a data directory, without changing it.
    Inspect(inspect::InspectArgs),
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
        DebugCommand::Inspect(args) => inspect::run(&args, context),
        DebugCommand::UnsafeRecover { dir } => unsafe_recover::recover(&dir, context).await,
    }
}

/// Nothing is created by looking.
fn check_is_data_dir(dir: &Path) -> Result<(), Failure> {
    if dir.join("node.json").is_file() {
        return Ok(());
    }
    Err(Failure::new(format!("{} is no data directory of a node", dir.display()))
        .hint("it is what `rampart server --data-dir` was given"))
}
