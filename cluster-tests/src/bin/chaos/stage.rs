//! What a run on own nodes and one on a foreign cluster have in common: the folder, the history, the
//! clients, and who watches them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::background;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::supervise;
use rampart_cluster_tests::history::{Event, Function, Recorder};
use rampart_cluster_tests::workloads::mix::{Mix, Topic};
use rampart_cluster_tests::workloads::traffic::Traffic;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use super::folder::Folder;
use super::judge::End;
use super::meter::Meter;
use super::options::Run;
use super::plan::Plan;
use super::progress::Progress;
use super::watch;
use super::{local, remote};

/// Beyond the faults: start, healing, reading everything from every replica, judging.
const BEYOND: Duration = Duration::from_secs(3_600);
/// A cluster makes a topic, and levels its replicas, within this time.
const SETTLE: Duration = Duration::from_secs(60);
/// Clients end within this time after they were told to.
const LAST_ANSWER: Duration = Duration::from_secs(60);

/// The whole run.
pub(crate) fn run(run: &Run) -> Result<End> {
    if !run.cluster.is_empty() {
        // It ends by itself when it is interrupted, for it has something to take away.
        let runtime = tokio::runtime::Runtime::new()?;
        return runtime.block_on(async { remote::run(run, &Folder::create(&run.out)?).await });
    }
    let mut end = End::Undecided;
    supervise(run.duration + BEYOND, async {
        end = local::run(run, &Folder::create(&run.out)?).await?;
        Ok(())
    })?;
    Ok(end)
}

/// Resolves when a person, or whoever started this, wants it to end.
pub(crate) async fn interrupted() -> Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = term.recv() => {}
    }
    Ok(())
}

/// A run under way.
pub(crate) struct Stage<'a> {
    pub(crate) run: &'a Run,
    pub(crate) folder: &'a Folder,
    pub(crate) traffic: Traffic,
    pub(crate) mix: Mix,
    pub(crate) progress: Progress,
    pub(crate) meter: Meter,
    /// Faults that were asked for and are not possible, with the reason.
    pub(crate) skipped: BTreeMap<String, String>,
    /// Where the nodes live.
    pub(crate) env: &'static str,
    /// How many there were at the start.
    pub(crate) size: usize,
    clients: Vec<JoinHandle<()>>,
}

impl<'a> Stage<'a> {
    /// Everything but the clients.
    pub(crate) fn open(
        run: &'a Run,
        folder: &'a Folder,
        nodes: Vec<Api>,
        (env, prefix): (&'static str, &str),
    ) -> Result<Stage<'a>> {
        let recorder = Recorder::create(&folder.history())?;
        let size = nodes.len();
        let replicas = u32::try_from(size.min(3))?;
        let traffic = Traffic::new(recorder, run.seed, run.rate, nodes);
        let progress = Progress::start(&traffic, run.duration);
        let workloads = run.workloads.clone();
        let mix = Mix { workloads, prefix: prefix.to_owned(), replicas };
        let (meter, skipped, clients) = (Meter::default(), BTreeMap::new(), Vec::new());
        Ok(Stage { run, folder, traffic, mix, progress, meter, skipped, env, size, clients })
    }

    /// Says what will happen, on the screen and in the folder.
    pub(crate) fn announce(&self, plan: &Plan) -> Result<()> {
        let mut text = format!("{}\n{plan}", self.run.reproduce());
        for (fault, why) in &self.skipped {
            text += &format!("skipped: {fault}: {why}\n");
        }
        std::fs::write(self.folder.plan(), &text)?;
        self.progress.say(text.trim_end());
        Ok(())
    }

    /// Creates the topics that last, and waits until all their replicas are there.
    pub(crate) async fn create_topics(&self) -> Result<()> {
        for topic in self.mix.topics() {
            let Topic { name, partitions, .. } = &topic;
            let api = &self.traffic.nodes()[0];
            let (partitions, replicas) = (*partitions, self.mix.replicas);
            let created = api.create_topic(name, partitions, replicas, topic.config()).await;
            created.with_context(|| format!("topic {name}"))?;
            if let Some(keeps) = topic.keeps() {
                self.note_retention(name, keeps);
            }
            wait_for(format!("replicas of {name}"), SETTLE, || async {
                watch::demand_level(&api.topic(name).await?, self.mix.replicas as usize)
            })
            .await?;
        }
        for group in self.mix.groups() {
            let prepared = group.prepare(&self.traffic.nodes()[0], &self.traffic).await;
            prepared.with_context(|| format!("group {}", group.name))?;
        }
        Ok(())
    }

    fn note_retention(&self, topic: &str, keeps: u64) {
        let mut event = Event::new(0, Function::Mark);
        (event.topic, event.kind) = (Some(topic.to_owned()), Some("retention".to_owned()));
        event.detail = Some(keeps.to_string());
        self.traffic.recorder().note(event);
    }

    /// Starts the clients, and who watches the leaders.
    pub(crate) fn start(&mut self) {
        self.clients = self.mix.start(&self.traffic);
        for topic in self.mix.topics() {
            self.clients.push(background(watch::leaders(self.traffic.clone(), topic.name)));
        }
        self.clients.push(background(watch::ids(self.traffic.clone())));
        self.clients.push(background(self.meter.clone().run(self.traffic.clone())));
    }

    /// Ends the clients, each after the answer it waits for.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.traffic.close();
        for client in self.clients.drain(..) {
            match tokio::time::timeout(LAST_ANSWER, client).await {
                Ok(ended) => ended.context("a client broke")?,
                Err(_) => bail!("a client did not end {LAST_ANSWER:?} after it was told to"),
            }
        }
        Ok(())
    }

    /// A step of the run itself, in the history.
    pub(crate) fn mark(&self, kind: &str) {
        let mut event = Event::new(0, Function::Mark);
        event.kind = Some(kind.to_owned());
        self.traffic.recorder().note(event);
        self.progress.phase(&kind.replace('_', " "));
    }
}
