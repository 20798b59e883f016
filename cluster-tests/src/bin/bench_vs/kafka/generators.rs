//! Kafka's own load generators, told to make large batches, and what they print.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use super::super::system::{Load, Pace, Waited};
use super::baseline::Baseline;

const PRODUCER: &str = "org.apache.kafka.tools.ProducerPerformance";
const CONSUMER: &str = "org.apache.kafka.tools.ConsumerPerformance";
/// Its first seconds don't count: until then the JVM has compiled the client.
const CLIENT_WARM: Duration = Duration::from_secs(5);
/// Never reached: a load flat out is ended when its time is over.
const ENDLESS: &str = "1000000000000";
/// Different values, so that the producer doesn't spend its time on making them up.
const VALUES: usize = 100;
/// While a leader is killed: so close together do writes come.
const SLOW_PER_SECOND: &str = "200";
/// Windows of a second after the kill that are looked at: the failover is the first or the second.
const WINDOWS: usize = 4;
/// A program that needs so much longer hangs, or can't write any more.
const GRACE: Duration = Duration::from_secs(120);

/// All of them.
pub(super) struct Generators {
    baseline: Baseline,
    folder: PathBuf,
}

impl Generators {
    /// Values that they write are put into the folder.
    pub(super) fn new(baseline: Baseline, folder: &Path) -> Generators {
        Generators { baseline, folder: folder.to_owned() }
    }

    /// Writes for the span; answers records a second.
    pub(super) async fn flat_out(&self, topic: &str, load: &Load) -> Result<f64> {
        let values = self.values(load.record_bytes)?;
        let mut args = vec!["--topic", topic, "--num-records", ENDLESS, "--throughput", "-1"];
        args.extend(["--payload-file", &values, "--reporting-interval", "1000"]);
        let mut writing = Writing::new(self.producer(&args, 5)?)?;
        let mut windows = vec![writing.next_window().await?];
        tokio::time::sleep(load.span + CLIENT_WARM).await;
        windows.extend(writing.end().await?);
        rate(&windows).with_context(|| format!("ProducerPerformance said {windows:?}"))
    }

    /// Its latencies are whole milliseconds, and begin when a record is sent.
    pub(super) async fn at_rate(&self, topic: &str, pace: &Pace) -> Result<Waited> {
        let values = self.values(pace.record_bytes)?;
        let rate = pace.records_per_second;
        let warm = rate * CLIENT_WARM.as_secs();
        let (all, warm) = ((warm + rate * pace.span.as_secs()).to_string(), warm.to_string());
        let rate = rate.to_string();
        let mut args = vec!["--topic", topic, "--num-records", &all, "--throughput", &rate];
        args.extend(["--payload-file", &values, "--warmup-records", &warm]);
        let child = self.producer(&args, pace.linger_ms)?;
        let said = to_the_end(child, pace.span).await?;
        let steady = said.lines().find(|line| line.contains("steady state records sent"));
        let steady = steady.with_context(|| said.clone())?;
        let ms = |share| before(steady, share).with_context(|| said.clone());
        Ok(Waited { p50_ms: ms(" ms 50th")?, p99_ms: ms(" ms 99th")? })
    }

    /// Answers records a second, without the time that it takes to join a group.
    pub(super) async fn consume(&self, topic: &str, records: u64) -> Result<f64> {
        let records = records.to_string();
        let args = ["--topic", topic, "--num-records", &records, "--hide-header"];
        let child = self.spawn(CONSUMER, &args)?;
        let said = to_the_end(child, GRACE).await?;
        ensure!(!said.contains("WARNING"), "{said}");
        let rate = said.trim().rsplit(", ").next().and_then(|rate| rate.parse().ok());
        rate.with_context(|| format!("ConsumerPerformance said {said}"))
    }

    /// Begins to write at a low rate, and answers when it is well under way.
    pub(super) async fn write_slowly(&self, topic: &str) -> Result<Writing> {
        let values = self.values(100)?;
        let mut args = vec!["--topic", topic, "--num-records", ENDLESS];
        args.extend(["--throughput", SLOW_PER_SECOND, "--payload-file", &values]);
        args.extend(["--reporting-interval", "1000"]);
        let mut writing = Writing::new(self.producer(&args, 0)?)?;
        for _ in 0..WINDOWS {
            writing.next_window().await?;
        }
        Ok(writing)
    }

    fn producer(&self, args: &[&str], linger_ms: u64) -> Result<Child> {
        let linger = format!("linger.ms={linger_ms}");
        let mut all = args.to_vec();
        all.extend(["--command-property", "acks=all", &linger, "batch.size=131072"]);
        all.push("buffer.memory=67108864");
        self.spawn(PRODUCER, &all)
    }

    /// What it complains about goes into a log beside those of the nodes.
    fn spawn(&self, class: &str, args: &[&str]) -> Result<Child> {
        let log = self.folder.join("generators.log");
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        Ok(self.baseline.tool(class, args).stderr(log).spawn()?)
    }

    /// A file of values of this size, a line each.
    fn values(&self, bytes: u32) -> Result<String> {
        let path = self.folder.join(format!("values-{bytes}"));
        let letters = || (b'a'..=b'z').cycle().map(char::from);
        let value = |number: usize| letters().skip(number).take(bytes as usize).collect::<String>();
        fs::write(&path, (0..VALUES).map(value).collect::<Vec<_>>().join("\n"))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

/// A producer that goes on until it is ended, and says each second what it did.
pub(super) struct Writing {
    /// Killed when this is dropped.
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Writing {
    fn new(mut child: Child) -> Result<Writing> {
        let output = child.stdout.take().context("its output is a pipe")?;
        Ok(Writing { child, lines: BufReader::new(output).lines() })
    }

    /// Ends it; answers the windows that it has printed since the last look.
    async fn end(mut self) -> Result<Vec<String>> {
        terminate(self.child.id().context("ProducerPerformance has ended")?)?;
        let mut windows = Vec::new();
        while let Some(line) = self.lines.next_line().await? {
            windows.extend(Some(line).filter(|line| is_window(line)));
        }
        self.child.wait().await?;
        Ok(windows)
    }

    /// The longest that a record waits from now on: its leader was killed just now. It was sent at
    /// the time of the kill, or so long after it as two writes are apart, and acknowledged by the
    /// next leader; so this is the time from the kill to the next acknowledged write, as a client
    /// sees it that does nothing else. A program of its own for each try would measure its start.
    pub(super) async fn longest_wait(mut self) -> Result<Duration> {
        let mut longest: f64 = 0.0;
        for _ in 0..WINDOWS {
            let window = self.next_window().await?;
            longest = longest.max(before(&window, " ms max latency").context("a latency")?);
        }
        self.end().await?;
        Ok(Duration::from_secs_f64(longest / 1e3))
    }

    async fn next_window(&mut self) -> Result<String> {
        let window = async {
            while let Some(line) = self.lines.next_line().await? {
                if is_window(&line) {
                    return Ok(line);
                }
            }
            bail!("ProducerPerformance has ended; generators.log says why")
        };
        tokio::time::timeout(GRACE, window).await.context("no write is acknowledged")?
    }
}

/// SIGTERM.
pub(super) fn terminate(pid: u32) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process id")?;
    Ok(kill_process(pid, Signal::TERM)?)
}

async fn to_the_end(child: Child, span: Duration) -> Result<String> {
    let output = tokio::time::timeout(span + GRACE, child.wait_with_output());
    let output = output.await.context("Kafka's program hangs")??;
    ensure!(output.status.success(), "it ended with {}; see generators.log", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// A line about the last second, not about all.
fn is_window(line: &str) -> bool {
    line.contains(" records sent, ") && line.ends_with(" ms max latency.")
}

/// Records a second over all windows but the first ones.
fn rate(windows: &[String]) -> Option<f64> {
    let (mut passed, mut records, mut seconds) = (0.0, 0.0, 0.0);
    for window in windows {
        let count = before(window, " records sent")?;
        let took = count / before(window, " records/sec")?;
        if passed >= CLIENT_WARM.as_secs_f64() {
            records += count;
            seconds += took;
        }
        passed += took;
    }
    (seconds > 0.0).then(|| records / seconds)
}

/// The number before these words.
fn before(line: &str, words: &str) -> Option<f64> {
    line.split_once(words)?.0.split_whitespace().next_back()?.parse().ok()
}
