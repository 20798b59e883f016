//! `rampart-chaos`: real clients on a real cluster while things go wrong, a history of all they saw,
//! and a judge over it. On nodes of its own, or on a cluster that runs already.

mod cleanup;
mod disturb;
mod dumps;
mod finish;
mod folder;
mod hook;
mod judge;
mod local;
mod meter;
mod options;
mod panics;
mod plan;
mod progress;
mod remote;
mod stage;
mod summary;
mod timeline;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use options::{Command, Options};

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.command() {
        Command::Check { folder } => judge::again(&folder),
        Command::Run(run) => stage::run(&run),
    };
    match done {
        Ok(end) => end.exit_code(),
        Err(error) => {
            eprintln!("rampart-chaos: {error:#}");
            judge::End::Undecided.exit_code()
        }
    }
}
