//! The clients of a run: what they write, read and change, and what they note in the history.

mod admin;
mod consumer;
mod dump;
mod finish;
mod group;
mod once;
mod producer;
mod script;
mod start;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use rampart_api::model::ids::NodeId;
use rampart_cluster_tests::history::{Event, Function, Phase};
use rampart_node::partition::request::PartitionKey;
use rampart_node::partition::{Answer, Operation};

pub(crate) use self::script::{Workload, run};
use crate::dice::Dice;
use crate::world::Shared;
use crate::world::door::{Ask, Refused, Reply};

/// How long a client waits for any answer; nodes give up earlier.
const PATIENCE: Duration = Duration::from_secs(15);

/// A partition under test.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Name of the topic in the history.
    pub(crate) topic: String,
    /// Its number.
    pub(crate) partition: u32,
    /// Its address inside the cluster.
    pub(crate) key: PartitionKey,
}

/// One client: a process of the history.
#[derive(Debug, Clone)]
struct Client {
    shared: Shared,
    process: u32,
    dice: Dice,
    /// The host it talks to.
    host: usize,
    progress: Progress,
}

/// When each partition last acknowledged a write that began then or later.
#[derive(Debug, Clone, Default)]
struct Progress(Rc<RefCell<BTreeMap<(String, u32), u64>>>);

impl Progress {
    fn note(&self, target: &Target, invoked: u64) {
        let mut all = self.0.borrow_mut();
        let latest = all.entry((target.topic.clone(), target.partition)).or_default();
        *latest = invoked.max(*latest);
    }

    fn has_since(&self, target: &Target, moment: u64) -> bool {
        let all = self.0.borrow();
        all.get(&(target.topic.clone(), target.partition)).is_some_and(|at| *at >= moment)
    }
}

impl Client {
    fn new(shared: &Shared, process: u32, progress: &Progress) -> Client {
        let dice = shared.dice().of(&format!("client {process}"));
        let host = dice.position(shared.hosts().len());
        Client { shared: shared.clone(), process, dice, host, progress: progress.clone() }
    }

    /// Another process of the same run.
    fn like(&self, process: u32) -> Client {
        Client::new(&self.shared, process, &self.progress)
    }

    /// Goes to another node.
    fn move_on(&mut self) {
        self.host = (self.host + 1) % self.shared.hosts().len();
    }

    /// The node it talks to, if there is one.
    fn node(&self) -> Option<NodeId> {
        self.shared.hosts()[self.host].door().map(|door| door.node)
    }

    fn event(&self, f: Function) -> Event {
        let mut event = Event::new(self.process, f);
        event.node = self.node().and_then(|node| u32::try_from(node.0).ok());
        event
    }

    async fn ask(&self, ask: Ask) -> Result<Reply, Refused> {
        self.shared.ask(self.host, ask, PATIENCE).await
    }

    async fn operate(&self, operation: Operation) -> Result<Answer, Refused> {
        match self.ask(Ask::Partition(operation)).await? {
            Reply::Partition(answer) => Ok(answer),
            other => panic!("an answer of another kind: {other:?}"),
        }
    }

    /// Writes the end of an operation that was refused; the client goes elsewhere.
    fn refused(&mut self, mut event: Event, refused: &Refused) {
        event.error = Some(refused.text());
        let phase = if refused.is_unknown() { Phase::Unknown } else { Phase::Fail };
        self.shared.recorder().end(event, phase);
        self.move_on();
    }

    async fn pause(&self, from: u64, to: u64) {
        tokio::time::sleep(self.dice.millis(from, to)).await;
    }
}
