//! Looks for one planted bug with one finder: seed by seed, until one is found or the limit is
//! reached.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rampart_cluster_tests::gates::summary;
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::planted::PlantedBug;

use crate::Options;

/// The variable that names the bug, in a server that was built for it.
const VARIABLE: &str = "RAMPART_PLANTED";
/// The variable that names the server, for rampart-chaos.
const SERVER: &str = "RAMPART_BIN";
/// Seconds of faults of one chaos run: many short ones meet more starts and elections than a long
/// one.
const CHAOS_SECONDS: u64 = 90;
/// Exit code of a finder that found something.
const FOUND: i32 = 1;
/// Exit code of a finder that came to no verdict, as when the planted bug keeps the cluster from
/// starting.
const UNDECIDED: i32 = 5;

/// Where a bug was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) seed: u64,
    /// From the first seed on.
    pub(crate) after: Duration,
    /// As the finder names them.
    pub(crate) properties: String,
}

/// A bug, and who looks for it.
#[derive(Debug)]
pub(crate) struct Prey<'a> {
    bug: &'static PlantedBug,
    program: &'a Path,
    /// Set for rampart-chaos.
    server: Option<&'a Path>,
}

impl<'a> Prey<'a> {
    pub(crate) fn of_sim(bug: &'static PlantedBug, program: &'a Path) -> Self {
        Prey { bug, program, server: None }
    }

    pub(crate) fn of_chaos(bug: &'static PlantedBug, program: &'a Path, server: &'a Path) -> Self {
        Prey { bug, program, server: Some(server) }
    }

    /// Seed after seed.
    pub(crate) fn seek(&self, options: &Options) -> Result<Option<Found>> {
        let since = Stopwatch::start();
        for seed in options.from.. {
            let is_over = match self.server {
                None => seed - options.from >= options.seeds,
                Some(_) => since.elapsed() >= Duration::from_secs(options.minutes * 60),
            };
            if is_over {
                break;
            }
            if let Some(properties) = self.attempt(seed)? {
                return Ok(Some(Found { seed, after: since.elapsed(), properties }));
            }
        }
        Ok(None)
    }

    /// What was violated with this seed, if anything was.
    fn attempt(&self, seed: u64) -> Result<Option<String>> {
        let mut command = self.command(seed);
        // Of an earlier hunt.
        let _ = std::fs::remove_dir_all(self.folder(seed));
        std::fs::create_dir_all("target/hunt")?;
        eprintln!("{}: {command:?}", self.bug.name);
        let output = command
            .stdin(Stdio::null())
            .output()
            .with_context(|| self.program.display().to_string())?;
        let said = String::from_utf8_lossy(&output.stdout);
        match output.status.code() {
            Some(0 | UNDECIDED) => Ok(None),
            Some(FOUND) => Ok(Some(properties(&said, self.bug))),
            // A wrong use, or an end that is none of the finder's own.
            _ => bail!("{command:?} ended with {}:\n{}", output.status, end_of(&output.stderr)),
        }
    }

    fn command(&self, seed: u64) -> Command {
        let mut command = Command::new(self.program);
        let (bug, number) = (self.bug.name, seed.to_string());
        match self.server {
            None => command.args(["--seed", &number, "--plant", bug]),
            Some(server) => command
                .args(["--seed", &number, "--duration", &CHAOS_SECONDS.to_string()])
                .args(["--out", &self.folder(seed)])
                .env(SERVER, server)
                .env(VARIABLE, bug),
        };
        command
    }

    /// Where a chaos run leaves what it found.
    fn folder(&self, seed: u64) -> String {
        format!("target/hunt/{}-{seed}", self.bug.name)
    }
}

/// The properties that a finder names: in its summary, or else in its words; those that the bug is
/// expected to violate first.
fn properties(said: &str, bug: &PlantedBug) -> String {
    let mut names = summary::find(said).map(|summary| summary.properties).unwrap_or_default();
    if names.is_empty() {
        let words = said.split(|c: char| !c.is_ascii_alphanumeric());
        names = words.filter(|word| is_property(word)).map(str::to_owned).collect();
    }
    names.sort_by_key(|name| (!bug.properties.contains(&&**name), name.len(), name.clone()));
    names.dedup();
    names.join(" ")
}

fn is_property(word: &str) -> bool {
    let number = word.strip_prefix('P').unwrap_or_default();
    matches!(number.parse::<u8>(), Ok(1..=20)) && !number.starts_with(['0', '+'])
}

fn end_of(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Refuses a server in which no bug can be planted: nothing would be found in it.
pub(crate) fn check_server(server: &Path) -> Result<()> {
    let bytes = std::fs::read(server).with_context(|| server.display().to_string())?;
    let is_there = bytes.windows(VARIABLE.len()).any(|window| window == VARIABLE.as_bytes());
    ensure!(is_there, "{} was built without planted-bugs: make planted", server.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use rampart_cluster_tests::planted::named;

    use super::*;

    #[test]
    fn properties_come_from_the_summary_or_else_from_the_words() {
        let bug = named("ack-before-fsync").unwrap();
        let summary = r#"P7 was fine
{"violations":[{"property":"P19"},{"property":"P3"},{"property":"P1"},{"property":"P1"}]}"#;
        assert_eq!(properties(summary, bug), "P1 P19 P3");
        assert_eq!(properties("violated: P3 at offset 9, P18; P21 P0 XP1 P1x", bug), "P18 P3");
        assert_eq!(properties("", bug), "");
    }

    #[test]
    fn each_finder_gets_the_bug_in_its_own_way() {
        let bug = named("cut-too-far").unwrap();
        let sim = Prey::of_sim(bug, Path::new("sim")).command(7);
        assert_eq!(format!("{sim:?}"), r#""sim" "--seed" "7" "--plant" "cut-too-far""#);
        let chaos = Prey::of_chaos(bug, Path::new("chaos"), Path::new("server")).command(7);
        let variables: Vec<_> = chaos.get_envs().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(variables, [SERVER, VARIABLE]);
    }

    #[test]
    fn a_server_without_planted_bugs_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rampart");
        std::fs::write(&path, b"..RAMPART_PLAN..").unwrap();
        assert!(check_server(&path).is_err());
        std::fs::write(&path, b"..RAMPART_PLANTED..").unwrap();
        check_server(&path).unwrap();
    }
}
