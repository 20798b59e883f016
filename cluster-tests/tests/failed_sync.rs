//! A disk that fails a sync: the node ends at once and acknowledges nothing more, the others go on.
//! A library loaded before the system's makes the failure.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::machine::{self, tool};
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use rampart_cluster_tests::history::{Event, Function, Journal};
use rampart_cluster_tests::workloads::append::{AppendOptions, Appender};
use rampart_cluster_tests::workloads::read_back;
use serde_json::json;

const TOPIC: &str = "tablets";
/// Exit code after a failed write or sync (docs/operations.md).
const STORAGE: i32 = 74;

/// Syncs fail with EIO as soon as the file named by `FAIL_SYNC_IF` exists.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int is_broken(void) {
    const char *path = getenv("FAIL_SYNC_IF");
    return path && access(path, F_OK) == 0;
}
#define SHIM(name) int name(int fd) { \
    if (is_broken()) { errno = EIO; return -1; } \
    return ((int (*)(int))dlsym(RTLD_NEXT, #name))(fd); }
SHIM(fsync)
SHIM(fdatasync)
"#;

/// Compiles the library into a folder.
fn shim(folder: &Path) -> Result<std::path::PathBuf> {
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    std::fs::write(&source, SHIM)?;
    let args = ["-shared", "-fPIC", "-o"].map(std::ffi::OsStr::new);
    tool("cc", &[&args[..], &[library.as_ref(), source.as_ref(), "-ldl".as_ref()]].concat())?;
    Ok(library)
}

#[test]
fn a_failed_sync_ends_the_process_with_74() {
    run(async {
        let folder = tempfile::tempdir()?;
        let library = match shim(folder.path()) {
            Ok(library) => library,
            Err(error) => return machine::skip("cc", format!("{error:#}")),
        };
        phase("three nodes; the leader of the partition is started anew with the library");
        let mut cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic(TOPIC, 1, 3, json!({})).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let victim = cluster.leader(0, TOPIC, 0).await?;
        let id = cluster.node_id(victim).await?;
        cluster.terminate(victim).await?;
        let broken = folder.path().join("broken");
        let env = [("LD_PRELOAD", library.as_os_str()), ("FAIL_SYNC_IF", broken.as_os_str())];
        cluster.launch_with(victim, &env)?;
        cluster.wait_ready(victim).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let path = format!("/v1/cluster/partitions/{TOPIC}/0:transfer-leadership");
        // A replica that was away a moment ago may not have acknowledged anything yet.
        wait_for("the leadership is back", Duration::from_secs(30), || async {
            cluster.api(victim).post(&path, &json!({ "to": id })).await?.ok()
        })
        .await?;

        phase("writers at all nodes, and one that knows only the victim, with ack 1");
        let options = AppendOptions { writers: 4, ..AppendOptions::new(TOPIC, 1) };
        let journal = Journal::new();
        let all = Appender::start(&cluster.apis(), &options, journal.recorder());
        let only = std::slice::from_ref(cluster.api(victim));
        let prefix = "only".to_owned();
        let options = AppendOptions { ack: "1", prefix, ..options };
        let one = Appender::start(only, &options, journal.recorder());
        all.wait_more(50).await?;
        one.wait_more(50).await?;

        phase("its syncs fail: it ends by itself, saying why");
        // What ack 1 had acknowledged may go with the node that did, as far as its bound goes.
        let fault = Event::new(u32::MAX, Function::Inject);
        let fault = Event { kind: Some("failed_sync".to_owned()), majority: Some(true), ..fault };
        journal.recorder().note(fault);
        std::fs::write(&broken, "")?;
        let broken_at = Stopwatch::start();
        let code = cluster.wait_end(victim, Duration::from_secs(60)).await?;
        let said = cluster.said(victim);
        ensure!(code == STORAGE, "it ended with {code}: {said}");
        ensure!(said.contains("the node can't go on"), "it does not say so: {said}");

        phase("the others go on, and what it could not sync it did not acknowledge");
        all.wait_more(100).await?;
        all.stop().await?;
        let alone = one.stop().await?;
        let late = alone.iter().find(|attempt| attempt.sent > broken_at && attempt.is_acked());
        ensure!(late.is_none(), "acknowledged without a sync: {late:?}");

        phase("on a disk that works again it is a member as before");
        std::fs::remove_file(&broken)?;
        cluster.restart(victim).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let verdict = read_back::judge(&journal, cluster.api(victim), TOPIC, 1).await?;
        phase(verdict.summary());
        cluster.demand_same_on_every_replica(&[TOPIC]).await
    });
}
