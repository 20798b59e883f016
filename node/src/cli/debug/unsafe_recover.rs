//! `rampart debug unsafe-recover`: one node goes on alone.

use std::path::Path;

use rampart_raft_store::{Store, StoreOptions};

use crate::cli::context::Context;
use crate::cli::failure::{Failure, UNSAFE};
use crate::data_dir::DataDir;
use crate::raft::unsafe_recover::{Recovery, unsafe_recover};

pub(super) async fn recover(dir: &Path, context: &Context) -> Result<(), Failure> {
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

/// Takes the directory as a node would, so that none can start meanwhile.
fn open(dir: &Path) -> Result<(DataDir, Store), Failure> {
    super::check_is_data_dir(dir)?;
    let failed = |error: &dyn std::fmt::Display| Failure::new(error.to_string());
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
