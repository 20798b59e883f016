//! `sim`: whole Rampart clusters in one process, on a network, a clock and disks that a seed steers.
//! A seed repeats its run to the byte.

mod cli;
mod clients;
mod dice;
mod faults;
mod judge;
mod panics;
mod run;
mod sweep;
mod world;

use std::process::ExitCode;

use clap::Parser;

/// 0: everything holds; 1: it does not; 2: it could not be tried.
fn main() -> ExitCode {
    match cli::run(cli::Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("sim: {error:#}");
            ExitCode::from(2)
        }
    }
}
