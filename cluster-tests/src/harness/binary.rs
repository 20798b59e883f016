//! Where the binary under test is.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// `RAMPART_BIN`, or `rampart` in the target directory this test or program itself comes from.
pub fn rampart() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("RAMPART_BIN") {
        let path = PathBuf::from(path);
        if !path.is_file() {
            bail!("RAMPART_BIN names {}, which is not a file", path.display());
        }
        return Ok(path.canonicalize()?);
    }
    let me = std::env::current_exe().context("where is this executable?")?;
    let beside = me.ancestors().skip(1).take(2).map(|folder| folder.join("rampart"));
    let tried: Vec<PathBuf> = beside.collect();
    match tried.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => {
            bail!("the rampart binary is missing: run `make build` first (looked at {tried:?})")
        }
    }
}
