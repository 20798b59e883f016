//! `rampart bench`: puts a load on a cluster and says what it took: records and bytes a second, and
//! how long records waited. At a fixed rate a record's time counts from when it was due, not from
//! when there was room to send it, so that a server that stalls can't hide that (coordinated
//! omission).

mod args;
mod consume;
mod figures;
mod payload;
mod produce;
mod schedule;
mod target;

use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;

use super::context::Context;
use super::failure::Failure;
use args::{Body, CONSUMED_RECORDS, E2E_RATE, LoadArgs};
use figures::{Figures, Report};
use produce::Producing;
use target::Target;

/// How often the line that shows progress is drawn anew.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Write, flat out or at a rate; the time of a record ends with its acknowledgement.
    Produce(LoadArgs),
    /// Read everything back, as fast as it comes.
    Consume(LoadArgs),
    /// Write at a rate and read along; the time of a record ends when it was read.
    E2e(LoadArgs),
    /// Write flat out and read along.
    Mixed(LoadArgs),
}

pub(super) async fn run(command: BenchCommand, context: &Context) -> Result<(), Failure> {
    context.refuse_dry_run("bench")?;
    let (BenchCommand::Produce(load)
    | BenchCommand::Consume(load)
    | BenchCommand::E2e(load)
    | BenchCommand::Mixed(load)) = &command;
    let target = Target::prepare(context, &load.topic).await?;
    let measured = match command {
        BenchCommand::Produce(load) => write(&target, load).await,
        BenchCommand::Consume(load) => read_back(&target, load).await,
        BenchCommand::E2e(load) => {
            follow(&target, LoadArgs { rate: load.rate.or(Some(E2E_RATE)), ..load }).await
        }
        BenchCommand::Mixed(load) => follow(&target, load).await,
    };
    let cleaned = target.clean_up().await;
    context.printer.print(&measured?, Report::text)?;
    cleaned
}

async fn write(target: &Target, load: LoadArgs) -> Result<Report, Failure> {
    let producing = Producing::new(target, load)?;
    let shown = Shown::start(producing.figures(), "written");
    let result = producing.run().await;
    shown.end();
    result?;
    Ok(Report { produce: Some(producing.figures().summary()), ..Report::default() })
}

async fn read_back(target: &Target, load: LoadArgs) -> Result<Report, Failure> {
    let mut report = Report::default();
    if target.is_temporary() {
        let records = load.records.or(Some(CONSUMED_RECORDS));
        report = write(target, LoadArgs { records, ..load }).await?;
    }
    let read = Arc::new(Figures::start(target.clock()));
    let shown = Shown::start(read.clone(), "read");
    let result = consume::to_the_end(target, &read).await;
    shown.end();
    result?;
    Ok(Report { consume: Some(read.summary()), ..report })
}

/// Writes, and reads what is written as it comes.
async fn follow(target: &Target, load: LoadArgs) -> Result<Report, Failure> {
    if load.body != Body::Raw {
        let what = "reading along takes `--body raw`: a value says when its record was due";
        return Err(Failure::usage(what));
    }
    let producing = Producing::new(target, load)?;
    let read = Arc::new(Figures::start(target.clock()));
    let shown = Shown::start(read.clone(), "read");
    let following = consume::Following::start(target, producing.began(), read.clone()).await?;
    let written = producing.run().await;
    let caught_up = following.catch_up(producing.figures().records()).await;
    shown.end();
    written?;
    caught_up?;
    Ok(Report { produce: Some(producing.figures().summary()), consume: Some(read.summary()) })
}

/// A line on standard error while a load runs.
struct Shown {
    bar: ProgressBar,
    /// One, which ends with this.
    _drawing: JoinSet<()>,
}

impl Shown {
    fn start(figures: Arc<Figures>, verb: &'static str) -> Shown {
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
        bar.set_style(style.expect("a template of our own"));
        let shown = bar.clone();
        let mut drawing = JoinSet::new();
        drawing.spawn(async move {
            let mut ticks = tokio::time::interval(PROGRESS_EVERY);
            loop {
                ticks.tick().await;
                shown.set_message(figures.line(verb));
                shown.tick();
            }
        });
        Shown { bar, _drawing: drawing }
    }

    fn end(self) {
        self.bar.finish_and_clear();
    }
}
