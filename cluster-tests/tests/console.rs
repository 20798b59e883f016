//! The web console in a browser, against real nodes: `node/console/tests` by Playwright in the
//! system's own Chromium. Pictures of every state are left in `target/console`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::machine;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, supervise};
use tokio::process::Command;

const LONG: Duration = Duration::from_secs(45);
/// Three dozen pages in a browser; most of it on a machine that does other things too.
const LIMIT: Duration = Duration::from_secs(1_200);

#[test]
fn topics_are_managed_in_a_browser_also_while_a_node_is_dead() {
    let verdict = supervise(LIMIT, async {
        if let Err(why) = can_browse() {
            return machine::skip("browser", why);
        }
        let mut cluster = Cluster::start(3).await?;
        let served = cluster.api(0).get("/console/").await?;
        ensure!(served.status == 200, "the server under test has no console: make build");
        let url = cluster.api(0).base().to_owned();

        phase("the types it was compiled with are those of this server");
        let document = format!("{url}/openapi.json");
        tool("node", &["scripts/types.mjs", "--check", &document], &url).await?;

        phase("the topic management page, on a sound cluster");
        playwright("topics.spec.ts", &url).await?;

        phase("groups and dead letters: a group gives records up, and gets them again");
        playwright("dead_letters.spec.ts", &url).await?;

        phase("the same with a node dead: of the four partitions each has lost a replica");
        cluster.wait_in_sync("flights", 3).await?;
        cluster.kill(2);
        wait_for("the cluster to notice", LONG, || async {
            let health = cluster.api(0).get("/v1/cluster/health").await?.ok()?;
            let missing = health["under_replicated_partitions"].as_array().map_or(0, Vec::len);
            let leaderless = health["leaderless_partitions"].as_array().map_or(1, Vec::len);
            ensure!(missing >= 4 && leaderless == 0, "{health}");
            Ok(())
        })
        .await?;
        playwright("trouble.spec.ts", &url).await
    });
    if let Err(error) = verdict {
        panic!("{error:#}");
    }
}

/// What the tests of the console need, said before anything is started.
fn can_browse() -> Result<(), String> {
    let chromium = std::env::var_os("RAMPART_CHROMIUM").map_or(CHROMIUM.into(), PathBuf::from);
    if !chromium.is_file() {
        return Err(format!("there is no {}; RAMPART_CHROMIUM names another", chromium.display()));
    }
    if !machine::has_tool("npx") {
        return Err("there is no Node.js".to_owned());
    }
    if !console().join("node_modules/@playwright/test").is_dir() {
        return Err("node/console/node_modules is missing: make console".to_owned());
    }
    Ok(())
}

/// Debian's.
const CHROMIUM: &str = "/usr/bin/chromium";

fn console() -> PathBuf {
    root().join("node/console")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").to_owned()
}

async fn playwright(file: &str, url: &str) -> Result<()> {
    tool("npx", &["--no-install", "playwright", "test", file], url).await
}

/// Runs a program in the console's folder to its end; what it said is in the error.
async fn tool(program: &str, args: &[&str], url: &str) -> Result<()> {
    let output = Command::new(program)
        .args(args)
        .current_dir(console())
        .env("RAMPART_URL", url)
        .env("RAMPART_SCREENSHOTS", root().join("target/console"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("{program} can't be started"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(output.status.success(), "{program} {args:?} ended with {}:\n{said}", output.status);
    Ok(())
}
