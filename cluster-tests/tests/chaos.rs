//! The chaos runner itself: a short run is clean, a history that was tampered with is not, a foreign
//! cluster is left as it was found, and each way to end has its exit code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rampart_cluster_tests::faults;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::environment::Environment;
use rampart_cluster_tests::harness::machine;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use rampart_cluster_tests::harness::views;
use rampart_cluster_tests::history::{Event, Function, Phase, reader};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(60);

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rampart-chaos"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs it to its end and demands an exit code; answers what it printed.
async fn ends(args: &[&str], code: i32) -> Result<String> {
    let mut command = command(args);
    let done = tokio::task::spawn_blocking(move || command.output()).await??;
    let said = said(&done);
    ensure!(done.status.code() == Some(code), "wanted {code}, got {}\n{said}", done.status);
    Ok(said)
}

fn said(done: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&done.stdout) + &text(&done.stderr)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Changes an event if it is the one that it wants to change.
type Doctor = fn(&mut Event) -> bool;

/// The history with one event changed, in a folder of its own.
fn doctored(history: &Path, to: &Path, doctor: Doctor) -> Result<String> {
    let (mut lines, mut is_done) = (String::new(), false);
    for event in reader::open(history)? {
        let mut event = event?;
        is_done = is_done || doctor(&mut event);
        lines += &(serde_json::to_string(&event)? + "\n");
    }
    ensure!(is_done, "there is nothing to change");
    fs::create_dir_all(to)?;
    fs::write(to.join("history.jsonl"), lines)?;
    Ok(text(to))
}

/// An acknowledgement that names the offset behind the true one.
fn moved(event: &mut Event) -> bool {
    let is_it =
        event.f == Function::Produce && event.phase == Phase::Ok && event.offsets.len() == 1;
    if is_it {
        event.offsets[0] += 1;
    }
    is_it
}

/// A node that is said to be gone for good, and is not: clients are sent to it all the time.
fn removed(event: &mut Event) -> bool {
    let is_it = event.f == Function::Admin
        && event.phase == Phase::Ok
        && event.kind.as_deref() == Some("create_producer");
    if is_it {
        event.kind = Some("remove_node".to_owned());
    }
    is_it
}

/// What the smoke runs on, and its faults: of processes, links and disks where this machine allows it.
fn surroundings() -> Result<(&'static str, [&'static str; 3])> {
    match (Environment::Namespaces { disk_mib: 256 }).possible() {
        Ok(()) => Ok(("--env=namespaces", ["kill-leader", "isolate-one", "power-cut-one"])),
        Err(why) => {
            machine::skip("netns", why)?;
            Ok(("--env=loopback", ["kill-leader", "isolate-one", "pause-one"]))
        }
    }
}

#[test]
fn a_minute_of_faults_is_clean_and_its_history_is_not_once_it_is_tampered_with() {
    run(async {
        let folder = tempfile::tempdir()?;
        let (out, summary) = (folder.path().join("out"), folder.path().join("summary.jsonl"));
        let (env, faults) = surroundings()?;
        phase("three faults under every workload");
        let (to, line) = (format!("--out={}", text(&out)), format!("--summary={}", text(&summary)));
        let wanted = format!("--faults={}", faults.join(","));
        let args = ["--seed=11", "--duration=60", "--count=3", env, &wanted, &to, &line];
        let said = ends(&args, 0).await?;

        let names = ["history.jsonl", "verdict.json", "plan.txt", "timeline.html"];
        for name in names {
            ensure!(out.join(name).is_file(), "no {name}\n{said}");
        }
        ensure!(fs::read_dir(&out)?.count() == names.len(), "a clean run leaves more");
        let summary: Value = serde_json::from_str(&fs::read_to_string(&summary)?)?;
        for fault in faults {
            ensure!(summary["faults"][fault] == 1, "not one {fault}: {summary}");
        }
        ensure!(summary["faults_total"] == 3, "{summary}");
        let read = rampart_cluster_tests::gates::summary::find(&summary.to_string());
        let protocols = read.map(|summary| summary.work.protocols);
        ensure!(protocols == Some(vec!["http".to_owned()]), "the gate reads {protocols:?}");
        ensure!(summary["verdict"] == "clean" && summary["seed"] == 11, "{summary}");
        ensure!(said.lines().last().is_some_and(|last| last.starts_with('{')), "{said}");

        phase("its history is judged again, as it is and changed");
        ends(&["check", &text(&out)], 0).await?;
        let tampered = [("VIOLATED", moved as Doctor), ("P20 Castle: VIOLATED", removed)];
        for (verdict, doctor) in tampered {
            let bad = folder.path().join(verdict);
            let bad = doctored(&out.join("history.jsonl"), &bad, doctor)?;
            let said = ends(&["check", &bad], 1).await?;
            ensure!(said.contains(verdict), "{said}");
        }
        Ok(())
    });
}

#[test]
fn what_makes_no_sense_is_refused_and_what_is_not_possible_leaves_it_undecided() {
    run(async {
        let folder = tempfile::tempdir()?;
        let full = format!("--out={}", text(folder.path()));
        fs::write(folder.path().join("something"), "")?;
        for args in [
            &["--faults=earthquake"][..],
            &["--workload=idle"],
            &["--nodes=4"],
            &["--duration=0"],
            &["--no-such-option"],
            &["--fault-hook=x"],
            &["--cluster=http://h:1/path"],
            &["--cluster=http://h:1", "--faults=x"],
            &["--cluster=http://h:1", "--fault-hook=x"],
            &["check"],
            &[&full],
        ] {
            ends(args, 2).await.with_context(|| format!("{args:?}"))?;
        }
        phase("a fault that loopback does not allow, by name");
        let cluster = Cluster::empty(Options { cuttable: true, ..Options::default() })?;
        let all = faults::all();
        let fault = all.iter().find(|fault| fault.possible(&cluster).is_err());
        let fault = fault.context("all are possible")?.name();
        let (out, fault) = (folder.path().join("out"), format!("--faults={fault}"));
        let out = format!("--out={}", text(&out));
        let args = ["--duration=5", "--workload=append", "--env=loopback", &fault, &out];
        let said = ends(&args, 5).await?;
        ensure!(said.contains("skipped: ") && said.contains("was asked for"), "{said}");
        Ok(())
    });
}

/// A script that writes down how it is called.
fn hook(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    use std::os::unix::fs::PermissionsExt;
    let (script, calls) = (folder.join("hook"), folder.join("calls"));
    let line = format!("#!/bin/sh\necho \"$1 $2 $3 $RAMPART_CHAOS_URL\" >>{}\n", text(&calls));
    fs::write(&script, line)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok((script, calls))
}

/// Those that somebody made; the cluster has one of its own.
async fn topics(cluster: &Cluster) -> Result<Vec<String>> {
    let mut names = views::topic_names(&cluster.any()?.get("/v1/topics").await?.ok()?)?;
    names.retain(|name| !name.starts_with("__"));
    Ok(names)
}

#[test]
fn a_foreign_cluster_is_judged_disturbed_by_its_hook_and_left_as_it_was() {
    run(async {
        let folder = tempfile::tempdir()?;
        let cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic("mine", 1, 3, serde_json::json!({})).await?;
        let urls: Vec<String> = cluster.apis().iter().map(|api| api.base().to_owned()).collect();
        let (script, calls) = hook(folder.path())?;
        let at = format!("--cluster={}", urls.join(","));
        let by = format!("--fault-hook={}", text(&script));
        let out = format!("--out={}", text(&folder.path().join("out")));
        let said =
            ends(&[&at, &by, &out, "--faults=nap,cough", "--duration=12", "--seed=4"], 0).await?;
        ensure!(said.contains("not checked: disks"), "{said}");
        ensure!(topics(&cluster).await? == ["mine"], "topics are left");

        let calls = fs::read_to_string(calls)?;
        for what in ["inject nap ", "heal nap ", "inject cough ", "heal cough "] {
            ensure!(calls.contains(what), "never called with {what}: {calls}");
        }
        for call in calls.lines() {
            let words: Vec<&str> = call.split(' ').collect();
            let [_, _, node, url] = words[..] else { bail!("called with {call}") };
            ensure!(urls[node.parse::<usize>()?] == url, "{call} is another node");
        }

        phase("and when it is interrupted");
        let out = format!("--out={}", text(&folder.path().join("again")));
        let mut child = command(&[&at, &out, "--duration=600"]).stdout(Stdio::null()).spawn()?;
        wait_for("its topics", SOON, || async {
            let count = topics(&cluster).await?.len();
            ensure!(count > 5, "{count} topics");
            Ok(())
        })
        .await?;
        let pid = child.id().to_string();
        ensure!(Command::new("kill").args(["-INT", &pid]).status()?.success(), "no signal");
        let ended = wait_for("its end", SOON, || {
            let ended = child.try_wait();
            async move { ended?.context("it still runs") }
        })
        .await?;
        ensure!(ended.code() == Some(5), "{ended}");
        ensure!(topics(&cluster).await? == ["mine"], "topics are left");
        Ok(())
    });
}
