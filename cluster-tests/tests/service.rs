//! A server as its surroundings see it: the service manager that is told how it is, and a log that
//! nobody takes any more.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::binary;
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::ports::free_port;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use tokio::net::UnixDatagram;

const SOON: Duration = Duration::from_secs(30);

/// A server started by hand; killed if the test ends early.
struct Server {
    child: Child,
    api: Api,
}

impl Server {
    fn start(folder: &std::path::Path, set: impl FnOnce(&mut Command)) -> Result<Server> {
        let [http, peer] = [free_port()?, free_port()?].map(|port| format!("127.0.0.1:{port}"));
        let mut command = Command::new(binary::rampart()?);
        command.args(["server", "--bootstrap", "--http-listen", &http, "--peer-listen", &peer]);
        command.arg("--data-dir").arg(folder.join("data")).stdin(Stdio::null());
        set(&mut command);
        let child = command.spawn().context("cannot start rampart")?;
        Ok(Server { child, api: Api::new(&http)? })
    }

    async fn wait_ready(&mut self) -> Result<()> {
        let (api, child) = (&self.api, &mut self.child);
        wait_for("the server to be ready", SOON, || {
            let ended = child.try_wait();
            async move {
                ensure!(ended?.is_none(), "it has ended");
                let answer = api.get("/readyz").await?;
                ensure!(answer.status == 200, "{answer:?}");
                Ok(())
            }
        })
        .await
    }

    fn terminate(&self) -> Result<()> {
        let line = format!("kill -TERM {}", self.child.id());
        ensure!(Command::new("sh").args(["-c", &line]).status()?.success(), "{line} failed");
        Ok(())
    }

    /// Waits for an orderly end.
    async fn wait_end(&mut self) -> Result<()> {
        let child = &mut self.child;
        wait_for("the server to end", SOON, || {
            let ended = child.try_wait();
            async move {
                let status = ended?.context("it runs")?;
                ensure!(status.success(), "it ended with {status}");
                Ok(())
            }
        })
        .await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next thing the service manager is told.
async fn told(manager: &UnixDatagram) -> Result<String> {
    let mut state = [0; 64];
    let received = tokio::time::timeout(SOON, manager.recv(&mut state)).await;
    let length = received.context("the service manager is told nothing")??;
    Ok(String::from_utf8_lossy(&state[..length]).into_owned())
}

#[test]
fn the_service_manager_is_told_when_it_is_ready_and_when_it_stops() {
    run(async {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("notify");
        let manager = UnixDatagram::bind(&socket)?;
        let mut server = Server::start(folder.path(), |command| {
            command.env("NOTIFY_SOCKET", &socket);
        })?;
        phase("READY=1 is true when it is said");
        ensure!(told(&manager).await? == "READY=1", "something else was said first");
        let answer = server.api.get("/readyz").await?;
        ensure!(answer.status == 200, "it said that it is ready: {answer:?}");

        phase("SIGTERM: it says so before it goes");
        server.terminate()?;
        ensure!(told(&manager).await? == "STOPPING=1", "something else was said at the end");
        server.wait_end().await
    });
}

#[test]
fn a_server_whose_output_nobody_takes_goes_on() {
    run(async {
        phase("standard output and standard error refuse every byte");
        let folder = tempfile::tempdir()?;
        let full = || File::options().write(true).open("/dev/full");
        let (output, error) = (full()?, full()?);
        let mut server = Server::start(folder.path(), |command| {
            command.stdout(output).stderr(error);
        })?;
        server.wait_ready().await?;
        server.api.create_topic("letters", 1, 1, serde_json::json!({})).await?;
        server.api.produce("letters", 0, "a", "").await?.ok()?;

        phase("a command that can't print its answer has failed");
        let status = Command::new(binary::rampart()?)
            .args(["--server", server.api.base(), "topic", "list"])
            .stdout(full()?)
            .stderr(full()?)
            .status()?;
        ensure!(status.code() == Some(1), "it ended with {status}");

        server.terminate()?;
        server.wait_end().await
    });
}
