//! `rampart produce T`: reads lines, sends them in requests of bounded size, one after another so
//! that the order stays, and says where the records landed. `lines` cuts the input and builds the
//! bodies; `report` counts.

mod lines;
mod report;

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rampart_api::client::{Client, ProduceOptions};
use rampart_api::model::topic_config::Ack;
use tokio::fs::File;
use tokio::io::AsyncRead;

use super::context::Context;
use super::failure::{Failure, pause_after};
use lines::{Batch, KeyRule, LineReader};
use report::Report;

/// Pause before a refused request is sent again, if the server doesn't say.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct ProduceArgs {
    /// Topic.
    topic: String,
    /// Each line is KEY SEP VALUE, cut at the first separator, such as : or \t.
    #[arg(short = 'K', long, value_name = "SEP", conflicts_with = "key")]
    key_separator: Option<String>,
    /// Each line is JSON and the key is at this pointer, such as /origin.
    #[arg(long, value_name = "POINTER")]
    key: Option<String>,
    /// Read this file instead of standard input.
    #[arg(short = 'F', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Write to this partition only.
    #[arg(short, long, value_name = "N")]
    partition: Option<u32>,
    /// What must confirm a write: -1 (every replica in sync), quorum, 1 (the leader), 0 (nobody)
    /// [default: the topic's].
    #[arg(long, allow_hyphen_values = true)]
    ack: Option<Ack>,
    /// How long a request may take, in milliseconds.
    #[arg(long, default_value_t = 30_000, value_name = "MS")]
    timeout_ms: u64,
}

pub(super) async fn run(args: ProduceArgs, context: &Context) -> Result<(), Failure> {
    context.refuse_dry_run("produce")?;
    let rule = KeyRule::new(args.key_separator.as_deref(), args.key.clone())?;
    let (input, bytes) = open(args.file.as_ref()).await?;
    let producer = Producer {
        client: context.client()?,
        topic: args.topic,
        options: ProduceOptions {
            partition: args.partition,
            ack: args.ack,
            timeout: Some(Duration::from_millis(args.timeout_ms)),
        },
        rule,
    };
    // A topic that is not there is said before the first line is read.
    producer.client.topic(&producer.topic).await?;
    let bar = progress_bar(bytes);
    let mut report = Report::new(&producer.topic);
    let sent = producer.send_all(LineReader::new(input), &mut report, &bar).await;
    bar.finish_and_clear();
    context.printer.print(&report, Report::text)?;
    sent?;
    report.failure().map_or(Ok(()), Err)
}

/// Where the lines come from, and how many bytes there are if that is known.
async fn open(path: Option<&PathBuf>) -> Result<(File, Option<u64>), Failure> {
    let Some(path) = path else {
        let input = std::io::stdin().as_fd().try_clone_to_owned()?;
        return Ok((File::from_std(input.into()), None));
    };
    let named = |error| Failure::new(format!("file {}: {error}", path.display()));
    let file = File::open(path).await.map_err(named)?;
    let metadata = file.metadata().await.map_err(named)?;
    if metadata.is_dir() {
        return Err(Failure::new(format!("file {}: it is a directory", path.display())));
    }
    Ok((file, metadata.is_file().then_some(metadata.len())))
}

fn progress_bar(bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => (
            ProgressBar::new(bytes),
            "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {msg} records",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {bytes_per_sec} {msg} records"),
    };
    bar.set_style(ProgressStyle::with_template(template).expect("a template of our own"));
    bar
}

/// Sends batches of lines to one topic.
#[derive(Debug)]
struct Producer {
    client: Client,
    topic: String,
    options: ProduceOptions,
    rule: KeyRule,
}

impl Producer {
    /// Stops at the first request that has a failure, so that nothing overtakes what failed.
    async fn send_all<R: AsyncRead + Unpin>(
        &self,
        mut lines: LineReader<R>,
        report: &mut Report,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        while let Some(batch) = lines.next().await? {
            self.send(&batch, report).await?;
            bar.inc(batch.bytes());
            bar.set_message(report.records().to_string());
            if report.has_failed() {
                break;
            }
        }
        Ok(())
    }

    /// Sends a batch; sends it again where it was certainly not done and can be done.
    async fn send(&self, batch: &Batch, report: &mut Report) -> Result<(), Failure> {
        let (body, format) = self.rule.body(batch)?;
        let patience = self.options.timeout.unwrap_or_default();
        let mut waited = Duration::ZERO;
        loop {
            let sent =
                self.client.produce_lines(&self.topic, body.clone(), &format, &self.options).await;
            match sent {
                Ok(results) => {
                    report.add(batch, &results);
                    return Ok(());
                }
                Err(error) if error.is_safe_to_retry() && waited < patience => {
                    let pause = pause_after(&error, RETRY_PAUSE);
                    waited += pause;
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(name_lines(Failure::from(error), batch)),
            }
        }
    }
}

fn name_lines(failure: Failure, batch: &Batch) -> Failure {
    failure.about(&format!("lines {} to {}", batch.first_line(), batch.last_line()))
}
