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
/// For what chaos runs leave.
const FOLDER: &str = "target/hunt";
/// Seconds of faults of one chaos run: many short ones meet more starts and elections than a long
/// one.
const CHAOS_SECONDS: u64 = 90;
/// So many seeds that fail without a bug are too many to go on.
const UNPROVEN_MAX: u64 = 10;
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

/// What came of one seed.
#[derive(Debug)]
enum Attempt {
    /// These properties are violated, with the bug only.
    Found(String),
    /// Nothing is.
    Clean,
    /// Something is without the bug, too.
    Unproven,
}

/// What is planted in a run.
#[derive(Debug, Clone, Copy)]
enum Planted {
    /// The bug.
    Bug,
    /// Nothing: the same must be clean.
    Nothing,
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
        let (since, mut unproven) = (Stopwatch::start(), 0);
        for seed in options.from.. {
            let is_over = match self.server {
                None => seed - options.from >= options.seeds,
                Some(_) => since.elapsed() >= Duration::from_secs(options.minutes * 60),
            };
            if is_over {
                break;
            }
            match self.attempt(seed)? {
                Attempt::Found(properties) => {
                    return Ok(Some(Found { seed, after: since.elapsed(), properties }));
                }
                Attempt::Clean => {}
                Attempt::Unproven => unproven += 1,
            }
            ensure!(
                unproven < UNPROVEN_MAX,
                "{}: {unproven} seeds fail without a bug, too: nothing can be proved with it",
                self.program.display()
            );
        }
        Ok(None)
    }

    /// One seed with the bug and, if that fails, without it.
    fn attempt(&self, seed: u64) -> Result<Attempt> {
        let Some(properties) = self.run(seed, Planted::Bug)? else { return Ok(Attempt::Clean) };
        Ok(match self.run(seed, Planted::Nothing)? {
            None => Attempt::Found(properties),
            Some(_) => Attempt::Unproven,
        })
    }

    /// What was violated, if anything was.
    fn run(&self, seed: u64, planted: Planted) -> Result<Option<String>> {
        let mut command = self.command(seed, planted);
        // Of an earlier hunt.
        let _ = std::fs::remove_dir_all(self.folder(seed, planted));
        std::fs::create_dir_all(FOLDER)?;
        eprintln!("{}: {command:?}", self.bug.name);
        let output = command
            .stdin(Stdio::null())
            .output()
            .with_context(|| self.program.display().to_string())?;
        let said = String::from_utf8_lossy(&output.stdout);
        match output.status.code() {
            Some(0 | UNDECIDED) => Ok(None),
            Some(FOUND) => Ok(Some(properties(&said, self.bug))),
            // The simulation has the product in its own process.
            None if self.server.is_none() => Ok(Some("abort".to_owned())),
            // A wrong use, or an end that is none of the finder's own.
            _ => bail!("{command:?} ended with {}:\n{}", output.status, end_of(&output.stderr)),
        }
    }

    fn command(&self, seed: u64, planted: Planted) -> Command {
        let mut command = Command::new(self.program);
        command.args(["--seed", &seed.to_string()]);
        if let Some(server) = self.server {
            command.args(["--duration", &CHAOS_SECONDS.to_string()]);
            command.args(["--out", &self.folder(seed, planted)]);
            command.env(SERVER, server);
        }
        match (planted, self.server) {
            (Planted::Bug, None) => command.args(["--plant", self.bug.name]),
            (Planted::Bug, Some(_)) => command.env(VARIABLE, self.bug.name),
            (Planted::Nothing, _) => command.env_remove(VARIABLE),
        };
        command
    }

    /// Where a chaos run leaves what it found.
    fn folder(&self, seed: u64, planted: Planted) -> String {
        let name = match planted {
            Planted::Bug => self.bug.name,
            Planted::Nothing => "without",
        };
        format!("{FOLDER}/{name}-{seed}")
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
        let words = |command: &Command| {
            let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
            words.collect::<Vec<_>>().join(" ")
        };
        let sim = Prey::of_sim(bug, Path::new("sim"));
        assert_eq!(words(&sim.command(7, Planted::Bug)), "--seed 7 --plant cut-too-far");
        assert_eq!(words(&sim.command(7, Planted::Nothing)), "--seed 7");
        let chaos = Prey::of_chaos(bug, Path::new("chaos"), Path::new("server"));
        let planted = |planted| {
            let command = chaos.command(7, planted);
            let mut variables = command.get_envs().filter(|(name, _)| *name == VARIABLE);
            variables.next().and_then(|(_, value)| Some(value?.to_string_lossy().into_owned()))
        };
        assert_eq!(planted(Planted::Bug).as_deref(), Some("cut-too-far"));
        assert_eq!(planted(Planted::Nothing), None);
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
