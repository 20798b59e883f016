//! When and where figures are made.

use std::process::Command;

/// Time, commit, cores, kernel.
pub fn here_and_now() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}, commit {}, {cores} cores, Linux {}",
        said("date", &["-u", "+%F %H:%M UTC"]),
        said("git", &["rev-parse", "--short", "HEAD"]),
        said("uname", &["-r"]),
    )
}

fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().ok();
    let text = output.and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}
