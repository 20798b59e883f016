//! One process of the binary under test: start, signals, its log, its end. Killed when dropped.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::binary;
use super::probe::wait_for;

/// Begins the line that the harness writes into a log before each launch.
pub(super) const LAUNCH: &str = "=== rampart ";

/// A running (or ended) process whose output goes to a file.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    left_running: bool,
}

impl Process {
    /// Starts `rampart` with these arguments; output is appended to `log`.
    pub fn start(args: &[String], log: &Path) -> Result<Process> {
        Process::start_through(&[], args, log, &[])
    }

    /// The same through another program, which becomes it, and with these variables in its
    /// environment.
    pub fn start_through(
        wrapper: &[String],
        args: &[String],
        log: &Path,
        env: &[(&str, &OsStr)],
    ) -> Result<Process> {
        let mut file = OpenOptions::new().create(true).append(true).open(log)?;
        writeln!(file, "{LAUNCH}{}", args.join(" "))?;
        let child = command(wrapper, args)?
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("cannot start rampart")?;
        Ok(Process { child, log: log.to_owned(), left_running: false })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far, over all its lives.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// SIGKILL, and waits until the kernel has taken it away.
    pub fn kill(&mut self) {
        // Both fail only if it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Gives it up without ending it.
    pub fn leave_running(mut self) {
        self.left_running = true;
    }

    /// Sends a signal by its name, for example `STOP`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let signal = match name {
            "TERM" => Signal::TERM,
            "KILL" => Signal::KILL,
            "STOP" => Signal::STOP,
            "CONT" => Signal::CONT,
            _ => bail!("no test has sent SIG{name} yet: add it here"),
        };
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let pid = pid.context("a process id that is none")?;
        kill_process(pid, signal).with_context(|| format!("SIG{name}: the process has ended"))
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it has ended by itself.
    pub async fn wait_end(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let (child, log) = (&mut self.child, &self.log);
        let watch = super::clock::Stopwatch::start();
        wait_for("the process to end", deadline, || {
            let ended = child.try_wait();
            async move { ended?.ok_or_else(|| anyhow!("still running")) }
        })
        .await
        .with_context(|| format!("after {:?}; its log is {}", watch.elapsed(), log.display()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.left_running {
            self.kill();
        }
    }
}

/// A command that ran to its end.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; 128 + signal if it was ended by one.
    pub code: i32,
    /// What it printed to standard output.
    pub stdout: String,
    /// What it printed to standard error.
    pub stderr: String,
}

impl Finished {
    /// Both outputs, for messages.
    pub fn output(&self) -> String {
        format!("exit code {}\n{}{}", self.code, self.stdout, self.stderr)
    }
}

/// Runs `rampart` to its end, feeding `stdin`; it is killed at the deadline.
pub async fn run(args: &[&str], stdin: &[u8], deadline: Duration) -> Result<Finished> {
    let folder = tempfile::tempdir()?;
    let paths = ["in", "out", "err"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], stdin)?;
    let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    let child = command(&[], &args)?
        .stdin(File::open(&paths[0])?)
        .stdout(File::create(&paths[1])?)
        .stderr(File::create(&paths[2])?)
        .spawn()
        .context("cannot start rampart")?;
    let mut process = Process { child, log: paths[2].clone(), left_running: false };
    let status = process.wait_end(deadline).await.with_context(|| {
        format!("rampart {} did not end; it said: {}", args.join(" "), process.log())
    })?;
    let text = |path: &Path| -> Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
    };
    Ok(Finished { code: exit_code(status), stdout: text(&paths[1])?, stderr: text(&paths[2])? })
}

/// Exit code, or 128 + the signal that ended it.
pub fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// The binary without the caller's own RAMPART_… settings.
fn command(wrapper: &[String], args: &[String]) -> Result<Command> {
    let binary = binary::rampart()?;
    let mut command = match wrapper {
        [] => Command::new(binary),
        [program, before @ ..] => {
            let mut command = Command::new(program);
            command.args(before).arg(binary);
            command
        }
    };
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RAMPART_") {
            command.env_remove(name);
        }
    }
    command.args(args);
    Ok(command)
}
