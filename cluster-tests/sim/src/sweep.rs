//! Many seeds, each in a process of its own: tokio's task ids are counted per process.

use anyhow::Result;

/// Which seeds.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The first.
    #[arg(long, default_value_t = 1)]
    from: u64,
}

/// Which list.
#[derive(Debug, clap::Args)]
pub(crate) struct RegressionArgs {}

pub(crate) fn sweep(args: &Args) -> Result<bool> {
    println!("{}", args.from);
    Ok(true)
}

pub(crate) fn regressions(_args: &RegressionArgs) -> Result<bool> {
    Ok(true)
}
