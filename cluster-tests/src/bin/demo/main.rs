//! `make demo`: what the product promises, shown on three real processes. Every figure printed was
//! measured in this run; if one promise is not seen the exit code says so. A time beyond what was
//! promised is said, but no failure: it says something about the machine too.

mod dead_letters;
mod flights;
mod report;
mod trouble;

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::proc_stat;
use rampart_cluster_tests::harness::session::supervise;
use serde_json::json;

use report::{Report, millis};

/// Name of the topic that everything happens on.
const TOPIC: &str = "flights";
const PARTITIONS: u32 = 4;
/// The demo needs a few seconds; this is for machines that are very busy.
const LIMIT: Duration = Duration::from_secs(600);

/// What the steps share.
struct Demo {
    cluster: Cluster,
    report: Report,
    bar: ProgressBar,
    /// What was acknowledged where.
    landed: HashMap<(u32, u64), &'static str>,
}

impl Demo {
    /// A line that stays above the progress bar.
    fn say(&self, text: impl AsRef<str>) {
        self.bar.suspend(|| println!("  {}", text.as_ref()));
    }

    /// A step begins.
    fn step(&self, text: &'static str) {
        self.bar.suspend(|| println!("\n{text}"));
        self.bar.set_message(text);
    }
}

fn main() -> ExitCode {
    match supervise(LIMIT, demo()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ndemo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn demo() -> Result<()> {
    let bar = ProgressBar::new(flights::UNITS + dead_letters::UNITS + trouble::UNITS);
    bar.set_style(ProgressStyle::with_template(
        "{elapsed_precise} {wide_bar} {percent:>3}% {msg:40}",
    )?);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar.set_message("starting");
    println!("Three nodes, three data directories, one binary.");
    let mut report = Report::default();
    let cluster = start(&mut report).await?;
    let mut demo = Demo { cluster, report, bar, landed: HashMap::new() };

    let verdict = tour(&mut demo).await;
    demo.bar.finish_and_clear();
    println!("\n{}", demo.report.table());
    // Before the verdict: a cluster that did not do what was promised is the one to look at.
    if std::env::var("KEEP").is_ok_and(|keep| keep == "1") {
        leave_running(demo.cluster)?;
    } else {
        println!("The nodes are stopped now. KEEP=1 make demo leaves them running.");
    }
    verdict?;
    match demo.report.missing() {
        0 => Ok(()),
        missing => bail!("{missing} promises were not seen"),
    }
}

async fn start(report: &mut Report) -> Result<Cluster> {
    let mut cluster = Cluster::start(3).await?;
    for index in 0..3 {
        println!("  node {index}: {}", cluster.api(index).base());
    }
    // Measured on a second start: the first one includes making the cluster.
    cluster.terminate(2).await?;
    let took = cluster.restart(2).await?;
    report.timed("a node starts", "ready within 1 s", millis(took), took < Duration::from_secs(1));
    cluster.wait_members(3).await?;
    Ok(cluster)
}

async fn tour(demo: &mut Demo) -> Result<()> {
    let api = demo.cluster.api(0);
    api.create_topic(TOPIC, PARTITIONS, 3, json!({})).await?;
    demo.cluster.wait_in_sync(TOPIC, 3).await?;
    demo.say(format!("topic {TOPIC}: {PARTITIONS} partitions x 3 replicas"));
    flights::keyless(demo).await?;
    flights::keyed(demo).await?;
    flights::read_back(demo).await?;
    dead_letters::reject_and_redrive(demo).await?;
    trouble::kill_the_busiest_leader(demo).await?;
    trouble::drain(demo).await?;
    memory(demo)
}

fn memory(demo: &mut Demo) -> Result<()> {
    let mut most = 0;
    for index in demo.cluster.running() {
        most = most.max(proc_stat::resident_bytes(demo.cluster.pid(index)?)?);
    }
    let mib = most >> 20;
    demo.report.timed("memory of a node", "below 150 MiB", format!("{mib} MiB at most"), mib < 150);
    Ok(())
}

fn leave_running(cluster: Cluster) -> Result<()> {
    let base = cluster.api(0).base().to_owned();
    let pids: Vec<String> = cluster
        .running()
        .into_iter()
        .map(|index| Ok(cluster.pid(index)?.to_string()))
        .collect::<Result<_>>()?;
    let folder = cluster.leave_running();
    println!("The cluster is up. Paste:\n");
    println!("  curl -s {base}/v1/cluster");
    println!("  curl -s {base}/v1/topics/{TOPIC}");
    println!(
        "  curl -s '{base}/v1/topics/{TOPIC}/partitions/0/records?offset=earliest&max_records=3'"
    );
    println!("  curl -s {base}/v1/topics/{TOPIC}/records -H 'content-type: application/json' \\");
    println!("       -d '{{\"records\":[{{\"key\":\"LAX\",\"value\":{{\"hello\":\"world\"}}}}]}}'");
    println!("  curl -N {base}/v1/topics/{TOPIC}/records -H 'accept: text/event-stream'\n");
    println!("Data and logs: {}", folder.display());
    println!("Stop it: kill {} && rm -r {}", pids.join(" "), folder.display());
    Ok(())
}
