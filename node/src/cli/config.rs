//! `rampart config show|sample`.

use clap::Subcommand;
use serde::Serialize;

use super::context::Context;
use super::failure::Failure;
use super::output;
use super::serve::ServerArgs;
use crate::config;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print what a server started with the same flags would run with, and where it came from.
    Show(Box<ServerArgs>),
    /// Print a configuration file with every key, its meaning and its default.
    Sample,
}

#[derive(Debug, Serialize)]
struct Setting {
    key: String,
    value: String,
    origin: String,
}

pub(super) fn run(command: ConfigCommand, context: &Context) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show(args) => {
            let loaded = args.load()?;
            let settings: Vec<Setting> = config::settings(&loaded)
                .into_iter()
                .map(|s| Setting { key: s.key, value: s.value, origin: s.origin.to_string() })
                .collect();
            context.printer.print(&settings, |settings| {
                let rows =
                    settings.iter().map(|s| [s.key.clone(), s.value.clone(), s.origin.clone()]);
                output::table(["KEY", "VALUE", "FROM"], rows)
            })
        }
        ConfigCommand::Sample => context.printer.line(&config::sample()),
    }
}
