//! What is done to the nodes of a cluster: kill, stop, pause, start again.

use std::time::Duration;

use anyhow::{Context, Result};

use super::super::clock::Stopwatch;
use super::super::probe::pass;
use super::super::process::exit_code;
use super::{Cluster, READY};

/// How often a process is looked at that may end.
const LOOK: Duration = Duration::from_millis(50);

impl Cluster {
    /// kill -9.
    pub fn kill(&mut self, index: usize) {
        if let Some(mut process) = self.nodes[index].process.take() {
            process.kill();
        }
    }

    /// kill -9 of all at once.
    pub fn kill_all(&mut self) {
        let all: Vec<usize> = (0..self.nodes.len()).collect();
        self.kill_these(&all);
    }

    /// kill -9 of these at once.
    pub fn kill_these(&mut self, indices: &[usize]) {
        for &index in indices {
            if let Some(process) = &self.nodes[index].process {
                // Fails only if it has ended, which is what is wanted.
                let _ = process.signal("KILL");
            }
        }
        for &index in indices {
            self.kill(index);
        }
    }

    /// Starts those of these members again whose process has ended, in whatever way.
    pub fn launch_those_down(&mut self, indices: &[usize]) -> Result<()> {
        for &index in indices {
            if self.is_member(index) && !self.is_up(index) {
                self.launch(index)?;
            }
        }
        Ok(())
    }

    /// SIGTERM, and waits for its orderly end; answers the exit code.
    pub async fn terminate(&mut self, index: usize) -> Result<i32> {
        let mut process = self.nodes[index].process.take().context("the node is not running")?;
        process.signal("TERM")?;
        Ok(exit_code(process.wait_end(READY).await?))
    }

    /// Waits for a process that is expected to end by itself; answers the exit code.
    pub async fn wait_end(&mut self, index: usize, deadline: Duration) -> Result<i32> {
        let mut process = self.nodes[index].process.take().context("the node is not running")?;
        Ok(exit_code(process.wait_end(deadline).await?))
    }

    /// The exit code of a process if it ends within a time; it may go on.
    pub async fn end_within(&mut self, index: usize, span: Duration) -> Result<Option<i32>> {
        let watch = Stopwatch::start();
        let process = self.nodes[index].process.as_mut().context("the node is not running")?;
        while watch.elapsed() < span {
            if let Some(status) = process.ended()? {
                return Ok(Some(exit_code(status)));
            }
            pass(LOOK).await;
        }
        Ok(None)
    }

    /// Starts a node again on the data it has, and waits until it is ready.
    pub async fn restart(&mut self, index: usize) -> Result<Duration> {
        self.launch(index)?;
        self.wait_ready(index).await
    }

    /// SIGSTOP: the process holds its connections and answers nothing.
    pub fn pause(&self, index: usize) -> Result<()> {
        self.signal(index, "STOP")
    }

    /// SIGCONT.
    pub fn resume(&self, index: usize) -> Result<()> {
        self.signal(index, "CONT")
    }

    fn signal(&self, index: usize, name: &str) -> Result<()> {
        self.nodes[index].process.as_ref().context("the node is not running")?.signal(name)
    }
}
