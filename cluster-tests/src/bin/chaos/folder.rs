//! The one folder that a run leaves: history, verdict, plan, picture, and of a run that found
//! something the nodes' logs and data too.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where a run writes.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes it.
    pub(crate) fn create(path: &Path) -> Result<Folder> {
        fs::create_dir_all(path).with_context(|| path.display().to_string())?;
        Ok(Folder::of(path))
    }

    /// One that is there.
    pub(crate) fn of(path: &Path) -> Folder {
        Folder { path: path.to_owned() }
    }

    /// Itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Everything that was seen.
    pub(crate) fn history(&self) -> PathBuf {
        self.path.join("history.jsonl")
    }

    /// What the judge says.
    pub(crate) fn verdict(&self) -> PathBuf {
        self.path.join("verdict.json")
    }

    /// The command and what was to go wrong when.
    pub(crate) fn plan(&self) -> PathBuf {
        self.path.join("plan.txt")
    }

    /// A picture for people.
    pub(crate) fn timeline(&self) -> PathBuf {
        self.path.join("timeline.html")
    }

    /// Copies what one node has on its disk; of one that was removed nothing is left.
    pub(crate) fn keep_data(&self, node: usize, data: &Path) -> Result<()> {
        if !data.exists() {
            return Ok(());
        }
        copy(data, &self.path.join(format!("node-{node}")))
    }

    /// Writes what one node has logged.
    pub(crate) fn keep_log(&self, node: usize, log: &str) -> Result<()> {
        Ok(fs::write(self.path.join(format!("node-{node}.log")), log)?)
    }
}

/// A folder and all in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)
                .with_context(|| format!("{} cannot be copied", entry.path().display()))?;
        }
    }
    Ok(())
}
