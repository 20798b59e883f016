//! What a command has at hand: the servers, the way to print, and the global flags.

use rampart_api::client::Client;

use super::GlobalArgs;
use super::failure::Failure;
use super::output::Printer;

/// Made once from the global flags.
#[derive(Debug)]
pub(super) struct Context {
    servers: Vec<String>,
    pub(super) printer: Printer,
    pub(super) is_dry_run: bool,
    pub(super) is_confirmed: bool,
}

impl Context {
    pub(super) fn new(global: &GlobalArgs) -> Self {
        Context {
            servers: global.server.clone(),
            printer: Printer::new(global.format),
            is_dry_run: global.dry_run,
            is_confirmed: global.yes,
        }
    }

    /// A client of the cluster.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(&self.servers)?)
    }

    /// Refuses `--dry-run` where there is none: ignoring it would do the thing.
    pub(super) fn refuse_dry_run(&self, command: &str) -> Result<(), Failure> {
        if self.is_dry_run {
            return Err(Failure::usage(format!("`{command}` has no dry run; nothing was done")));
        }
        Ok(())
    }
}
