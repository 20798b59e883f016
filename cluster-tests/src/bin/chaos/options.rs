//! The command line, and what can be said about it before anything runs.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use rampart_cluster_tests::faults;
use rampart_cluster_tests::workloads::mix::{self, Workload};

use super::plan::Plan;

/// Runs clients against a cluster, makes things go wrong, and judges what the clients saw.
///
/// Exit codes: 0 clean, 1 violated, 2 usage, 5 undecided.
#[derive(Debug, Parser)]
#[command(name = "rampart-chaos", version)]
#[command(args_conflicts_with_subcommands = true, args_override_self = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Option<Given>,
    #[command(flatten)]
    run: RunOptions,
}

#[derive(Debug, Subcommand)]
enum Given {
    /// Runs and judges (what happens without a command, too)
    Run(RunOptions),
    /// Judges the history of an earlier run again
    Check {
        /// Folder that a run left
        folder: PathBuf,
    },
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Run.
    Run(Run),
    /// Judge again.
    Check {
        /// Where the history is.
        folder: PathBuf,
    },
}

#[derive(Debug, Clone, clap::Args)]
struct RunOptions {
    /// Repeats the plan of an earlier run; chosen if missing
    #[arg(long)]
    seed: Option<u64>,
    /// Seconds of faults, before everything is healed and read
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=604_800))]
    duration: u64,
    /// Nodes to start
    #[arg(long, default_value = "3", value_parser = ["3", "5"])]
    nodes: String,
    /// Names of faults, `all` that this machine allows, or `none`
    #[arg(long, default_value = "all", value_delimiter = ',')]
    faults: Vec<String>,
    /// Exactly so many faults, one after the other [default: as many as fit, also at once]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    count: Option<u32>,
    /// Names of workloads, or `all` that keep to --rate
    #[arg(long, default_value = "all", value_delimiter = ',')]
    workload: Vec<String>,
    /// Operations a second, of all clients together but for the writers of `soak`
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// New folder for what the run leaves [default: rampart-chaos-SEED]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Keeps logs and data of a clean run too
    #[arg(long)]
    keep: bool,
    /// Where nodes live: network namespaces with a disk each (as root), or loopback
    #[arg(long, value_enum, default_value_t = Env::Auto)]
    env: Env,
    /// HTTP addresses of a cluster that runs: its own topics only, removed afterwards
    #[arg(long, value_delimiter = ',', value_name = "URL")]
    cluster: Vec<String>,
    /// With --cluster: called as `CMD inject|heal FAULT NODE`, NODE counting the URLs from 0
    #[arg(long, value_name = "CMD", requires = "cluster")]
    fault_hook: Option<PathBuf>,
    /// Appends the last line, a JSON object, to this file too
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

/// Where the nodes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Env {
    /// Namespaces where this machine allows them.
    Auto,
    /// One network namespace and one disk a node.
    Namespaces,
    /// Processes on loopback.
    Loopback,
}

impl Env {
    /// As it is given.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Env::Auto => "auto",
            Env::Namespaces => "namespaces",
            Env::Loopback => "loopback",
        }
    }
}

/// Which faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Faults {
    /// All that are possible.
    All,
    /// These; each that is not possible leaves the run undecided.
    Named(Vec<String>),
}

/// A run that is well described.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) duration: Duration,
    pub(crate) nodes: usize,
    pub(crate) faults: Faults,
    pub(crate) count: Option<u32>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) rate: u32,
    pub(crate) out: PathBuf,
    pub(crate) keep: bool,
    pub(crate) env: Env,
    /// Nodes that run already; none if they are to be started.
    pub(crate) cluster: Vec<String>,
    pub(crate) hook: Option<PathBuf>,
    pub(crate) summary: Option<PathBuf>,
}

impl Options {
    /// What to do; ends with exit code 2 and a message where that makes no sense.
    pub(crate) fn command(self) -> Command {
        let run = match self.command {
            Some(Given::Check { folder }) => return Command::Check { folder },
            Some(Given::Run(run)) => run,
            None => self.run,
        };
        match run.understand() {
            Ok(run) => Command::Run(run),
            Err(text) => {
                Options::command_for_errors().error(ErrorKind::ValueValidation, text).exit()
            }
        }
    }

    fn command_for_errors() -> clap::Command {
        <Options as CommandFactory>::command()
    }
}

impl RunOptions {
    fn understand(self) -> Result<Run, String> {
        let seed = self.seed.unwrap_or_else(|| RandomState::new().hash_one(0) % 1_000_000_000);
        let out = self.out.clone().unwrap_or_else(|| format!("rampart-chaos-{seed}").into());
        if out.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(format!("{} is not empty; give another --out", out.display()));
        }
        Ok(Run {
            seed,
            duration: Duration::from_secs(self.duration),
            nodes: self.nodes.parse().map_err(|_| "--nodes is 3 or 5".to_owned())?,
            faults: self.faults()?,
            count: self.count,
            workloads: self.workloads()?,
            rate: self.rate,
            out,
            keep: self.keep,
            env: self.env,
            cluster: self.cluster.iter().map(|url| address(url)).collect::<Result<_, _>>()?,
            hook: self.fault_hook,
            summary: self.summary,
        })
    }

    fn faults(&self) -> Result<Faults, String> {
        let names: Vec<&str> = self.faults.iter().map(String::as_str).collect();
        let is_remote = !self.cluster.is_empty();
        match names.as_slice() {
            ["none"] => Ok(Faults::Named(Vec::new())),
            ["all"] if is_remote && self.fault_hook.is_some() => {
                Err("--faults: name those that --fault-hook knows".to_owned())
            }
            ["all"] if is_remote => Ok(Faults::Named(Vec::new())),
            ["all"] => Ok(Faults::All),
            _ if is_remote && self.fault_hook.is_none() => {
                Err("--faults on a running cluster needs --fault-hook".to_owned())
            }
            names => {
                let unknown = |name: &&&str| !is_remote && faults::by_name(name).is_none();
                if let Some(name) = names.iter().find(unknown) {
                    let known: Vec<_> = faults::all().iter().map(|fault| fault.name()).collect();
                    return Err(format!(
                        "no fault is called `{name}`; there are {}",
                        known.join(", ")
                    ));
                }
                Ok(Faults::Named(names.iter().map(|name| (*name).to_owned()).collect()))
            }
        }
    }

    fn workloads(&self) -> Result<Vec<Workload>, String> {
        if self.workload == ["all"] {
            return Ok(mix::ALL.into_iter().filter(|workload| workload.is_paced()).collect());
        }
        let by_name = |name: &String| {
            let names: Vec<_> = mix::ALL.iter().map(|workload| workload.name()).collect();
            let unknown =
                || format!("no workload is called `{name}`; there are {}", names.join(", "));
            Workload::by_name(name).ok_or_else(unknown)
        };
        let mut workloads: Vec<Workload> =
            self.workload.iter().map(by_name).collect::<Result<_, _>>()?;
        workloads.sort_unstable();
        workloads.dedup();
        Ok(workloads)
    }
}

/// Host and port of an address with or without its scheme.
fn address(url: &str) -> Result<String, String> {
    let address = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    match address.is_empty() || address.contains('/') {
        true => Err(format!("--cluster: `{url}` is not http://HOST:PORT")),
        false => Ok(address.to_owned()),
    }
}

impl Run {
    /// What goes wrong when, if these faults are possible.
    pub(crate) fn plan(&self, possible: &[String]) -> Plan {
        match self.count {
            Some(count) => Plan::spread(self.seed, self.duration, possible, count),
            None => Plan::new(self.seed, self.duration, possible),
        }
    }

    /// Whether it is there for what happens under full load.
    pub(crate) fn is_soak(&self) -> bool {
        self.workloads.contains(&Workload::Soak)
    }

    /// The command that repeats this run.
    pub(crate) fn reproduce(&self) -> String {
        let faults = match &self.faults {
            Faults::All => "all".to_owned(),
            Faults::Named(names) if names.is_empty() => "none".to_owned(),
            Faults::Named(names) => names.join(","),
        };
        let workloads: Vec<_> = self.workloads.iter().map(|workload| workload.name()).collect();
        let mut text = format!(
            "rampart-chaos --seed {} --duration {} --faults {faults} --workload {} --rate {}",
            self.seed,
            self.duration.as_secs(),
            workloads.join(","),
            self.rate,
        );
        match self.cluster.as_slice() {
            [] => text += &format!(" --nodes {} --env {}", self.nodes, self.env.name()),
            urls => text += &format!(" --cluster {}", urls.join(",")),
        }
        if let Some(count) = self.count {
            text += &format!(" --count {count}");
        }
        if let Some(hook) = &self.hook {
            text += &format!(" --fault-hook {}", hook.display());
        }
        text
    }
}
