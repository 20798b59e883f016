//! Which code was run: one hash over the product code that replicates records and over the versions
//! of the crates that do. A change of tests, commands or documents does not change it; a change that
//! is not committed has none.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The replicated path.
const PATHS: &[&str] =
    &["node/src", "raft-store/src", "api/src/peer", "api/src/model", "api/src/codec.rs"];
/// Below these, what replicates nothing.
const WITHOUT: &[&str] = &["node/src/cli/"];
/// Crates that decide about replication and what is on the disk.
const CRATES: &[&str] =
    &["openraft", "openraft-rt", "openraft-rt-tokio", "rocksdb", "librocksdb-sys"];

/// A commit and its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The commit, shortened.
    pub commit: String,
    /// The hash, shortened.
    pub tree: String,
}

/// What is committed at `HEAD` of the repository at `root`.
///
/// # Errors
/// There is no repository, or the replicated path has changes that are not committed.
pub fn code(root: &Path) -> Result<Code> {
    let mut status = vec!["status", "--porcelain", "--", "Cargo.lock"];
    status.extend(PATHS);
    let changed = git(root, &status)?;
    if !changed.is_empty() {
        bail!("the replicated path has changes that are not committed:\n{changed}");
    }
    let mut list = vec!["ls-tree", "-r", "HEAD", "--"];
    list.extend(PATHS);
    let files = git(root, &list)?;
    let lock = git(root, &["show", "HEAD:Cargo.lock"])?;
    let commit = git(root, &["rev-parse", "--short=12", "HEAD"])?.trim().to_owned();
    Ok(Code { commit, tree: hash(&described(&files, &lock)) })
}

/// What is hashed: the files of the product, as `git ls-tree -r` lists them, and the crates.
fn described(files: &str, lock: &str) -> String {
    let path =
        |line: &str| line.split_once('\t').map_or(String::new(), |(_, path)| path.to_owned());
    let product = files.lines().filter(|line| {
        let path = path(line);
        !is_test(&path) && !WITHOUT.iter().any(|without| path.starts_with(without))
    });
    let mut text: Vec<&str> = product.collect();
    let packages = lock.split("[[package]]");
    text.extend(packages.filter_map(|package| {
        let package = package.trim();
        let name = package.strip_prefix("name = \"")?.split('"').next()?;
        CRATES.contains(&name).then_some(package)
    }));
    text.join("\n")
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs") || path.ends_with("round_trip.rs")
}

/// FNV-1a, which needs no crate: it tells versions apart, and nobody attacks it.
fn hash(text: &str) -> String {
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for byte in text.bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    format!("{:012x}", hash >> 80)
}

fn git(root: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new("git").arg("-C").arg(root).args(args).output().context("git")?;
    if !output.status.success() {
        bail!("git {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"clap\"\nversion = \"1\"\n\n\
                        [[package]]\nname = \"openraft\"\nversion = \"1\"\n";

    fn of(files: &str, lock: &str) -> String {
        hash(&described(files, lock))
    }

    #[test]
    fn a_change_of_product_code_or_of_consensus_changes_the_tree_and_nothing_else_does() {
        let files = "100644 blob a\tnode/src/raft/host.rs\n\
                     100644 blob b\tnode/src/cli/topic.rs\n\
                     100644 blob c\tnode/src/partition/tests.rs\n";
        let before = of(files, LOCK);
        assert_eq!(before.len(), 12);
        assert_ne!(before, of(&files.replace("blob a", "blob x"), LOCK));
        assert_ne!(
            before,
            of(files, &LOCK.replace("openraft\"\nversion = \"1", "openraft\"\nversion = \"2"))
        );
        assert_eq!(before, of(&files.replace("blob b", "blob x"), LOCK), "commands");
        assert_eq!(before, of(&files.replace("blob c", "blob x"), LOCK), "tests");
        assert_eq!(
            before,
            of(files, &LOCK.replace("clap\"\nversion = \"1", "clap\"\nversion = \"2"))
        );
    }
}
