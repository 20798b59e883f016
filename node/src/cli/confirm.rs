//! Asks before something that can't be taken back.

use std::io::{BufRead, IsTerminal, Write};

use super::context::Context;
use super::failure::Failure;

/// Asks on a terminal; elsewhere `--yes` is needed.
pub(super) fn confirm(context: &Context, deed: &str) -> Result<(), Failure> {
    if context.is_confirmed {
        return Ok(());
    }
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stderr().lock());
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("to {deed} needs --yes where nobody can be asked")));
    }
    write!(output, "{deed}? It can't be taken back. [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::new("nothing was done")),
    }
}
