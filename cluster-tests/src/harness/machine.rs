//! What a test needs of the machine and not every machine has. A test that can't run says so where
//! a person sees it; where `RAMPART_REQUIRE` names what it needs it fails instead.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Says that a test is skipped because of `what`, and why; an error if `what` is required.
pub fn skip(what: &str, why: impl std::fmt::Display) -> Result<()> {
    let required = std::env::var("RAMPART_REQUIRE").unwrap_or_default();
    if required.split(',').any(|word| word == what) {
        bail!("{what} is required (RAMPART_REQUIRE) and does not work here: {why}");
    }
    // Past the test runner, which hides what a passing test prints.
    writeln!(std::io::stderr(), "SKIPPED, {what} does not work here: {why}")?;
    Ok(())
}

/// Runs a program of the system to its end.
pub fn tool(program: &str, args: &[&OsStr]) -> Result<()> {
    let output = Command::new(program).args(args).output();
    let output = output.with_context(|| format!("{program} can't be started"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{program} ended with {}: {said}", output.status);
    Ok(())
}

/// Runs a program of the system that reads what it is told from its standard input.
pub fn tell(program: &str, args: &[&str], text: &str) -> Result<()> {
    let piped = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = piped.with_context(|| format!("{program} can't be started"))?;
    let mut input = child.stdin.take().context("its standard input is a pipe")?;
    input.write_all(text.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{program} ended with {}: {said}\n{text}", output.status);
    Ok(())
}

/// Whether there is such a program.
pub fn has_tool(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Whether this process may do everything.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
