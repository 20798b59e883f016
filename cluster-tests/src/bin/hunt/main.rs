//! `hunt`: plants each bug in turn and lets the finders look for it. What is printed is the
//! table of docs/reliability.md: bug, found by, seed, time, property. `make hunt` calls it.

mod attempt;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use rampart_cluster_tests::planted::{self, BUGS, Finder, PlantedBug};

use attempt::{Found, Prey};

/// Plants each bug in turn, and looks for it.
///
/// Exit codes: 0 every bug was found by every finder that was asked, 1 one was not, 5 a finder
/// could not be run.
#[derive(Debug, Parser)]
#[command(name = "hunt", version, max_term_width = 100)]
struct Options {
    /// Bugs to plant, by name; all of them if missing
    #[arg(long, value_delimiter = ',')]
    bugs: Vec<String>,
    /// The simulation, built with planted-bugs
    #[arg(long, value_name = "FILE")]
    sim: Option<PathBuf>,
    /// rampart-chaos
    #[arg(long, value_name = "FILE", requires = "server")]
    chaos: Option<PathBuf>,
    /// The server for rampart-chaos, built with planted-bugs
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Seeds of the simulation for each bug, at most
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// Minutes of rampart-chaos for each bug, at most
    #[arg(long, default_value_t = 10)]
    minutes: u64,
}

fn main() -> ExitCode {
    match hunt(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("hunt: {error:#}");
            ExitCode::from(5)
        }
    }
}

/// Whether every bug was found by every finder that was given.
fn hunt(options: &Options) -> Result<bool> {
    ensure!(options.sim.is_some() || options.chaos.is_some(), "give --sim, --chaos or both");
    if let Some(server) = &options.server {
        attempt::check_server(server)?;
    }
    print!("{HEAD}");
    let mut all_found = true;
    for bug in wanted(&options.bugs)? {
        for finder in bug.finders {
            let prey = match (finder, &options.sim, &options.chaos, &options.server) {
                (Finder::Sim, Some(sim), ..) => Prey::of_sim(bug, sim),
                (Finder::Chaos, _, Some(chaos), Some(server)) => Prey::of_chaos(bug, chaos, server),
                (Finder::Sim | Finder::Chaos, ..) => continue,
            };
            let found = prey.seek(options)?;
            all_found &= found.is_some();
            print!("{}", row(bug.name, *finder, found.as_ref()));
        }
    }
    Ok(all_found)
}

fn wanted(names: &[String]) -> Result<Vec<&'static PlantedBug>> {
    if names.is_empty() {
        return Ok(BUGS.iter().collect());
    }
    let bugs = names.iter().map(|name| {
        planted::named(name).with_context(|| format!("there is no bug {name} to plant"))
    });
    bugs.collect()
}

/// The head of the table. Each row is printed as soon as it is known.
const HEAD: &str = "| bug | found by | seed | time | property |\n\
                    | --- | --- | ---: | ---: | --- |\n";

fn row(bug: &str, finder: Finder, found: Option<&Found>) -> String {
    let finder = match finder {
        Finder::Sim => "sim",
        Finder::Chaos => "chaos",
    };
    match found {
        Some(Found { seed, after, properties }) => {
            format!("| {bug} | {finder} | {seed} | {} | {properties} |\n", readable(*after))
        }
        None => format!("| {bug} | {finder} | not found | | |\n"),
    }
}

fn readable(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 120 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_was_found_and_what_was_not() {
        let found =
            Found { seed: 12, after: Duration::from_secs(130), properties: "P1".to_owned() };
        let of_sim = row("ack-before-fsync", Finder::Sim, Some(&found));
        assert_eq!(of_sim, "| ack-before-fsync | sim | 12 | 2 min | P1 |\n");
        let of_chaos = row("vote-not-synced", Finder::Chaos, None);
        assert_eq!(of_chaos, "| vote-not-synced | chaos | not found | | |\n");
    }

    #[test]
    fn only_bugs_that_there_are_can_be_planted() {
        assert_eq!(wanted(&[]).unwrap().len(), BUGS.len());
        assert_eq!(wanted(&["cut-too-far".to_owned()]).unwrap()[0].name, "cut-too-far");
        assert!(wanted(&["cut".to_owned()]).is_err());
    }
}
