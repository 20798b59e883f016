//! `rampart dev`: one process, three nodes, nothing to configure.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::ports::free_port;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::process::Process;
use rampart_cluster_tests::harness::session::{phase, run};
use serde_json::json;

/// Three ports in a row that are free.
fn three_ports() -> Result<u16> {
    for _ in 0..1_000 {
        let first = free_port()?;
        let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free(first + 1) && free(first + 2) {
            return Ok(first);
        }
    }
    bail!("no three free ports in a row")
}

#[test]
fn one_command_serves_three_nodes() {
    run(async {
        phase("rampart dev, with its ports moved so that no port is fixed here");
        let folder = tempfile::tempdir()?;
        let first = three_ports()?;
        let args = ["dev".to_owned(), format!("--http-port-base={first}")];
        let watch = Stopwatch::start();
        let mut process = Process::start(&args, &folder.path().join("dev.log"))?;
        let apis = (0..3).map(|i| Api::new(format!("127.0.0.1:{}", first + i)));
        let apis = apis.collect::<Result<Vec<Api>>>()?;
        for api in &apis {
            wait_for("the node to be ready", Duration::from_secs(60), || async {
                let answer = api.get("/readyz").await?;
                ensure!(answer.status == 200, "{answer:?} {}", process.log());
                Ok(())
            })
            .await?;
        }
        phase(format!("ready after {:?}", watch.elapsed()));

        phase("it tells what to paste, and the three are one cluster");
        ensure!(process.log().contains("curl"), "nothing to paste: {}", process.log());
        apis[0].create_topic("hello", 3, 3, json!({})).await?;
        for (i, api) in apis.iter().enumerate() {
            api.produce("hello", 0, &format!("from node {i}"), "").await?.ok()?;
        }
        for api in &apis {
            ensure!(api.read_all("hello", 0).await?.len() == 3, "records are missing");
        }

        phase("it ends in order when asked to");
        process.signal("TERM")?;
        let status = process.wait_end(Duration::from_secs(60)).await?;
        ensure!(status.success(), "it ended with {status}: {}", process.log());
        Ok(())
    });
}
