//! `rampart completion SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::context::Context;
use super::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct CompletionArgs {
    /// The shell, for example: rampart completion bash > /etc/bash_completion.d/rampart
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionArgs, context: &Context) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "rampart", &mut script);
    context.printer.line(&String::from_utf8_lossy(&script))
}
