//! The scripts in `cluster-tests/kafka-baseline`, which say which Kafka it is and where.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kafka-baseline");

/// An installed Kafka.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    pub(crate) version: String,
    pub(crate) heap: String,
    /// Which Java runs it.
    pub(crate) java: String,
    /// `host:port` of each node.
    pub(crate) servers: Vec<String>,
}

impl Baseline {
    /// Installs what is missing here.
    pub(crate) fn install() -> Result<Baseline> {
        let installed = Command::new(script("install.sh")).stdin(Stdio::null()).status()?;
        ensure!(installed.success(), "Kafka can't be installed here");
        let said = output(Command::new(script("kafka.sh")).arg("show"))?;
        let lines: Vec<&str> = said.lines().collect();
        let [version, heap, java, servers] = lines[..] else {
            anyhow::bail!("kafka.sh show said {said}");
        };
        Ok(Baseline {
            version: version.to_owned(),
            heap: heap.to_owned(),
            java: java.to_owned(),
            servers: servers.split(',').map(str::to_owned).collect(),
        })
    }

    /// Configurations and fresh storage of three nodes.
    pub(crate) fn prepare(&self, folder: &Path) -> Result<()> {
        output(Command::new(script("kafka.sh")).arg("prepare").arg(folder)).map(drop)
    }

    /// What becomes a node.
    pub(crate) fn node(&self, folder: &Path, number: usize) -> Command {
        let mut command = Command::new(script("kafka.sh"));
        command.arg("node").arg(folder).arg(number.to_string()).stdin(Stdio::null());
        command
    }

    /// What becomes one of Kafka's own programs; it ends with its handle.
    pub(crate) fn tool(&self, class: &str, args: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(script("kafka.sh"));
        command.args(["tool", class, "--bootstrap-server", &self.servers.join(",")]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().context("kafka.sh can't be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}: {said}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
