//! A server or a command that is told nonsense, or finds the world not as it should be, says what
//! was wrong and what would be right, with the exit code for it; nobody else is harmed.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::machine;
use rampart_cluster_tests::harness::ports::free_port;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::process::{self, Finished, Process};
use rampart_cluster_tests::harness::session::{phase, run};
use serde_json::json;

const SOON: Duration = Duration::from_secs(60);

/// Three nodes and a topic with one good record.
async fn cluster() -> Result<Cluster> {
    let cluster = Cluster::start(3).await?;
    cluster.api(0).create_topic("good", 2, 3, json!({})).await?;
    cluster.wait_in_sync("good", 3).await?;
    cluster.api(0).produce("good", 0, "good", "").await?.ok()?;
    Ok(cluster)
}

/// All nodes are alive and well, and the log has its one record.
async fn demand_unharmed(cluster: &mut Cluster) -> Result<()> {
    for index in 0..3 {
        cluster.wait_ready(index).await?;
        ensure!(!cluster.log(index).contains("panicked"), "node {index} panicked");
        let seen = cluster.api(index).read_all("good", 0).await?.len();
        ensure!(seen == 1, "{seen} records instead of one");
    }
    Ok(())
}

/// Runs a server that cannot start; it must say why and end by itself.
async fn refused_start(args: &[&str], names: &str) -> Result<Finished> {
    let finished = process::run(&[&["server"], args].concat(), b"", SOON).await?;
    let said = finished.output();
    ensure!(finished.code != 0, "it ended as if all was well: {said}");
    ensure!(said.contains(names), "`{names}` is not named: {said}");
    ensure!(!said.contains("panicked"), "{said}");
    Ok(finished)
}

#[test]
fn a_server_that_cannot_start_says_why_and_ends() {
    run(async {
        let folder = tempfile::tempdir()?;
        let fresh = folder.path().join("fresh").display().to_string();
        let (http, peer) =
            (format!("127.0.0.1:{}", free_port()?), format!("127.0.0.1:{}", free_port()?));

        phase("a port in use, for clients and for peers");
        let holder = std::net::TcpListener::bind("127.0.0.1:0")?;
        let taken = holder.local_addr()?.to_string();
        let base = ["--bootstrap", "--data-dir", &fresh];
        let args = [&base[..], &["--http-listen", &taken, "--peer-listen", &peer]].concat();
        let no_port = refused_start(&args, &format!("cannot listen on {taken}")).await?;
        ensure!(no_port.code == 1, "worth another try: {}", no_port.output());
        let args = [&base[..], &["--http-listen", &http, "--peer-listen", &taken]].concat();
        refused_start(&args, &format!("cannot listen on {taken}")).await?;

        phase("a data directory that is a file, and one whose content is rubbish");
        let ports = ["--bootstrap", "--http-listen", &http, "--peer-listen", &peer];
        let file = folder.path().join("file").display().to_string();
        std::fs::write(&file, "not a folder")?;
        refused_start(&[&ports[..], &["--data-dir", &file]].concat(), &file).await?;
        let rubbish = folder.path().join("rubbish");
        std::fs::create_dir_all(&rubbish)?;
        std::fs::write(rubbish.join("node.json"), "{ not json")?;
        let rubbish = rubbish.display().to_string();
        let args = [&ports[..], &["--data-dir", &rubbish]].concat();
        let refused = refused_start(&args, "node.json").await?;
        ensure!(refused.code == 78, "no later start would do: {}", refused.output());

        phase("arguments that contradict or mean nothing: usage errors");
        let kafka = "the Kafka protocol is not served yet";
        for (args, names) in [
            (vec!["--data-dir", &fresh, "--bootstrap", "--http-listen", "nowhere"], "nowhere"),
            (vec!["--data-dir", &fresh, "--colour", "red"], "--colour"),
            (vec!["--data-dir", &fresh, "--bootstrap", "--join", &peer], "--join"),
            (vec!["--data-dir", &fresh, "--kafka-listen", "127.0.0.1:9092"], kafka),
        ] {
            let finished = refused_start(&args, names).await?;
            ensure!(finished.code == 2, "{}", finished.output());
        }
        Ok(())
    });
}

#[test]
fn a_store_that_lost_a_file_is_not_started_again_and_again() {
    run(async {
        let mut cluster = Cluster::start(1).await?;
        cluster.terminate(0).await?;
        let store = cluster.node(0).data_dir.join("store");
        std::fs::remove_file(store.join("CURRENT"))?;
        let data_dir = cluster.node(0).data_dir.display().to_string();
        let args = ["--data-dir", &data_dir, "--http-listen", "127.0.0.1:0"];
        let refused = refused_start(&args, "CURRENT is missing").await?;
        ensure!(refused.code == 78, "{}", refused.output());
        Ok(())
    });
}

#[test]
fn a_data_directory_that_may_not_be_read_is_named() {
    run(async {
        let folder = tempfile::tempdir()?;
        let closed = folder.path().join("closed");
        std::fs::create_dir(&closed)?;
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000))?;
        if std::fs::read_dir(&closed).is_ok() {
            return machine::skip("permissions", "root may read every directory");
        }
        let ports = [free_port()?, free_port()?].map(|port| format!("127.0.0.1:{port}"));
        let listen = ["--bootstrap", "--http-listen", &ports[0], "--peer-listen", &ports[1]];
        let dir = closed.display().to_string();
        let finished = refused_start(&[&listen[..], &["--data-dir", &dir]].concat(), &dir).await?;
        let said = finished.output();
        ensure!(said.contains("ermission denied"), "it does not say why: {said}");
        Ok(())
    });
}

#[test]
fn joining_nobody_goes_on_trying_and_says_so() {
    run(async {
        let mut cluster = Cluster::empty(Options::default())?;
        cluster.prepare().await?;
        cluster.prepare().await?;
        phase("the second node is started first: nobody is there to join");
        cluster.launch(1)?;
        let nobody = cluster.node(0).advertised_peer.to_string();
        wait_for("the node to say twice whom it can't reach", SOON, || async {
            let said = cluster.said(1);
            let refused = |line: &&str| line.contains(&nobody) && line.contains("could not join");
            ensure!(said.lines().filter(refused).count() >= 2, "{said}");
            Ok(())
        })
        .await?;
        let answer = cluster.api(1).get("/readyz").await;
        ensure!(answer.is_err() || answer.is_ok_and(|a| a.status == 503), "it says it is ready");

        phase("as soon as the first is there it gets in");
        cluster.launch(0)?;
        cluster.wait_ready(0).await?;
        cluster.wait_ready(1).await?;
        cluster.wait_members(2).await
    });
}

#[test]
fn the_command_line_refuses_nonsense_with_the_right_exit_codes() {
    run(async {
        let mut cluster = cluster().await?;
        let server = cluster.api(0).base().to_owned();
        let cases: &[(&[&str], i32, &str)] = &[
            (&["topic", "describe", "nothing"], 3, "nothing"),
            (&["topic", "delete", "nothing", "--yes"], 3, "nothing"),
            (&["topic", "create", "../x"], 2, "../x"),
            (&["topic", "create", "good"], 1, "good"),
            (&["consume", "nothing", "-n", "1"], 3, "nothing"),
            (&["node", "status", "99"], 3, "99"),
            (&["topic", "explode"], 2, "explode"),
            (&["produce"], 2, ""),
        ];
        for (args, code, names) in cases {
            let all = [&["--server", &server], *args].concat();
            let finished = process::run(&all, b"", SOON).await?;
            let said = finished.output();
            ensure!(finished.code == *code, "{args:?}: wanted {code}, {said}");
            ensure!(said.contains(names) && !said.contains("panicked"), "{args:?}: {said}");
        }
        phase("a server that is not there");
        let nobody = format!("http://127.0.0.1:{}", free_port()?);
        let finished = process::run(&["--server", &nobody, "topic", "list"], b"", SOON).await?;
        ensure!(finished.code == 1 && finished.stderr.contains(&nobody), "{}", finished.output());
        demand_unharmed(&mut cluster).await
    });
}

#[test]
fn rubbish_on_the_peer_port_harms_nobody() {
    run(async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut cluster = cluster().await?;
        let rubbish: [&[u8]; 4] =
            [b"GET / HTTP/1.1\r\n\r\n", &[0xff; 1_000], &[0x7f, 0xff, 0xff, 0xff], &[]];
        for bytes in rubbish {
            let mut stream = tokio::net::TcpStream::connect(cluster.node(0).peer).await?;
            stream.write_all(bytes).await?;
            stream.shutdown().await?;
            let mut answer = Vec::new();
            let ended = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await;
            ensure!(ended.is_ok(), "the connection is kept open after rubbish");
        }
        demand_unharmed(&mut cluster).await
    });
}

#[test]
fn a_process_that_is_given_nothing_to_join_says_what_is_missing() {
    run(async {
        let folder = tempfile::tempdir()?;
        let data_dir = folder.path().join("data").display().to_string();
        let ports = [free_port()?, free_port()?].map(|port| format!("127.0.0.1:{port}"));
        let args =
            ["--data-dir", &data_dir, "--http-listen", &ports[0], "--peer-listen", &ports[1]];
        refused_start(&args, "--bootstrap").await?;
        let log = folder.path().join("log");
        let mut args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        args.insert(0, "server".to_owned());
        args.push("--bootstrap".to_owned());
        let process = Process::start(&args, &log)?;
        let api = Api::new(&ports[0])?;
        wait_for("it to be ready once it is told", SOON, || async {
            let answer = api.get("/readyz").await?;
            ensure!(answer.status == 200, "{answer:?} {}", process.log());
            Ok(())
        })
        .await
    });
}
