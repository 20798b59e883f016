//! Faults of a foreign cluster: a command of its owner's, called with what to do to which node.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::faults::Injected;
use rampart_cluster_tests::harness::client::Api;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::process::Command;

use super::disturb::Disturber;

/// Calls the command.
pub(crate) struct Hook {
    pub(crate) command: Option<PathBuf>,
    pub(crate) nodes: Vec<Api>,
}

impl Disturber for Hook {
    async fn inject(&mut self, fault: &str, seed: u64) -> Result<Injected> {
        let node = StdRng::seed_from_u64(seed).random_range(0..self.nodes.len());
        self.call("inject", fault, node).await?;
        let mut injected = Injected::default();
        (injected.nodes, injected.detail) = (vec![node], "by the hook".to_owned());
        Ok(injected)
    }

    async fn heal(&mut self, fault: &str, injected: Injected) -> Result<()> {
        for node in injected.nodes {
            self.call("heal", fault, node).await?;
        }
        Ok(())
    }

    fn nodes(&self) -> Vec<Api> {
        self.nodes.clone()
    }

    fn members(&self) -> Vec<usize> {
        (0..self.nodes.len()).collect()
    }
}

impl Hook {
    /// `CMD inject|heal FAULT NODE`, with the node's address in the environment.
    async fn call(&self, what: &str, fault: &str, node: usize) -> Result<()> {
        let path = self.command.as_ref().context("no hook was given")?;
        let mut command = Command::new(path);
        command.args([what, fault, &node.to_string()]).kill_on_drop(true);
        command.env("RAMPART_CHAOS_URL", self.nodes[node].base()).stdin(Stdio::null());
        let output = command.output().await.with_context(|| path.display().to_string())?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{} {what}: {} {said}", path.display(), output.status);
        Ok(())
    }
}
