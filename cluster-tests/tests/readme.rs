//! README's blocks of commands, run as they stand there, in the order in which they stand. Only what
//! a test may not do is changed: the ports are free ones, the binary is the one under test, and what
//! builds is left out.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rampart_cluster_tests::harness::binary;
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::ports::free_port;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::process::Process;
use rampart_cluster_tests::harness::session::{phase, run};

const SOON: Duration = Duration::from_secs(30);
/// For a block with everything in it.
const LATER: Duration = Duration::from_secs(100);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").to_owned()
}

/// The shell blocks of README below a heading.
fn blocks(heading: &str) -> Result<Vec<String>> {
    let readme = std::fs::read_to_string(root().join("README.md"))?;
    let section = readme.split("\n## ").find(|section| section.starts_with(heading));
    let section = section.with_context(|| format!("README has no section {heading:?}"))?;
    let blocks = section.split("```sh\n").skip(1);
    Ok(blocks.filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect())
}

/// Free ports in a row, so that a block of README maps onto them.
fn ports_in_a_row(count: u16) -> Result<u16> {
    for _ in 0..1_000 {
        let first = free_port()?;
        let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (first..first + count).all(free) {
            return Ok(first);
        }
    }
    bail!("no {count} free ports in a row")
}

/// A block with other ports, the binary under test, and time for a machine that is busy.
fn adapted(block: &str, ports: &[(u16, u16)]) -> Result<String> {
    let binary = binary::rampart()?.display().to_string();
    let mut text = block.replace("./target/rampart", &binary).replace("sleep 5;", "sleep 15;");
    for (from, to) in ports {
        for number in 1..=3 {
            text = text.replace(&format!(":{}", from + number), &format!(":{}", to + number));
        }
    }
    Ok(text)
}

/// A shell that runs a block, ended with all it started if the test ends early.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("kill -KILL -- -{}", self.0.id());
        // Both fail only if it has ended already.
        let _ = Command::new("sh").args(["-c", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// Runs a block in the root of the repository; answers all that it printed.
async fn paste(block: &str, folder: &Path) -> Result<String> {
    use std::os::unix::process::CommandExt;

    let output = folder.join("output");
    let file = File::create(&output)?;
    let mut command = Command::new("bash");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RAMPART_") {
            command.env_remove(name);
        }
    }
    let child = command
        .args(["-c", block])
        .env("TMPDIR", folder)
        .current_dir(root())
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()?;
    let mut shell = Shell(child);
    let ended = wait_for("the block to end", LATER, || {
        let ended = shell.0.try_wait();
        async move { ended?.ok_or_else(|| anyhow!("it runs")) }
    });
    let ended = ended.await.map(drop);
    let printed = String::from_utf8_lossy(&std::fs::read(&output)?).into_owned();
    ended.with_context(|| format!("{block}\nprinted {printed}"))?;
    for word in ["error:", "No such file", "command not found", "problem+json", "\"outcome\""] {
        ensure!(!printed.contains(word), "{block}\nprinted {printed}");
    }
    Ok(printed)
}

fn demand(printed: &str, wanted: &[&str]) -> Result<()> {
    for text in wanted {
        ensure!(printed.contains(text), "{text:?} is missing in {printed}");
    }
    Ok(())
}

#[test]
fn one_process_and_its_lines_work_as_pasted() {
    run(async {
        let blocks = blocks("Three nodes in one process")?;
        ensure!(blocks.len() == 5, "{} blocks instead of five", blocks.len());
        ensure!(blocks[0].contains("./target/rampart dev "), "how is it started? {}", blocks[0]);

        phase("rampart dev");
        let folder = tempfile::tempdir()?;
        let first = ports_in_a_row(3)?;
        let args = ["dev".to_owned(), format!("--http-port-base={first}")];
        let dev = Process::start(&args, &folder.path().join("dev.log"))?;
        let api = Api::new(format!("127.0.0.1:{}", first + 2))?;
        wait_for("the cluster to be ready", SOON, || async {
            let answer = api.get("/readyz").await?;
            ensure!(answer.status == 200, "{answer:?} {}", dev.log());
            Ok(())
        })
        .await?;
        let ports = [(8_080, first - 1)];

        phase("create, produce, fetch");
        let printed = paste(&adapted(&blocks[1], &ports)?, folder.path()).await?;
        demand(&printed, &[r#""name":"flights""#, r#""offsets":[{"#, r#""key":"SFO""#])?;
        phase("lines in, lines out, one partition, and live");
        let printed = paste(&adapted(&blocks[2], &ports)?, folder.path()).await?;
        demand(&printed, &[r#""line":2"#, r#""next_offset""#, "data:"])?;
        phase("by command");
        let printed = paste(&adapted(&blocks[3], &ports)?, folder.path()).await?;
        demand(&printed, &["flights", r#""records":10000"#, r#""status":"ok""#])?;
        phase("a group, a record that fails, and its redrive");
        let printed = paste(&adapted(&blocks[4], &ports)?, folder.path()).await?;
        let rejected = [r#""result":"dying""#, r#""error":"not an order""#, r#""depth":1"#];
        demand(&printed, &rejected)?;
        demand(&printed, &[r#""redriven":1"#, r#""result":"acked""#, r#""depth":0"#])
    });
}

#[test]
fn three_processes_and_the_kill_work_as_pasted() {
    run(async {
        let blocks = blocks("Three nodes in three processes")?;
        ensure!(blocks.len() == 1, "{} blocks instead of one", blocks.len());
        let folder = tempfile::tempdir()?;
        let ports = [(8_090, ports_in_a_row(3)? - 1), (9_090, ports_in_a_row(3)? - 1)];
        let printed = paste(&adapted(&blocks[0], &ports)?, folder.path()).await?;
        demand(&printed, &[r#""records":10000"#, "\n20000\n", r#""status":"ok""#])
    });
}
