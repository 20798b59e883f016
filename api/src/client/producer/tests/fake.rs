//! A cluster in memory: it judges numbered batches by the rules of a partition's log, and does with
//! each attempt what a test has scripted.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};

use super::super::upstream::{Acked, Attempt, TopicFacts, Upstream};
use super::log::{self, Log};
use crate::client::ClientError;
use crate::http::producers::ProducerIdentity;
use crate::model::error_code::ErrorCode;
use crate::model::problem::Problem;
use crate::model::record_batch::{BatchHeader, validate};
use crate::model::topic_config::Ack;

/// What happens to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is judged and answered.
    Done,
    /// It is judged, and the answer is lost.
    AnswerLost,
    /// It is lost before it arrives.
    Lost,
    /// It arrives after so many others, and nobody gets an answer.
    Stray(usize),
    /// It is refused, for now.
    NotLeader,
    /// It is refused by a node that knows that the topic has moved, and not where to.
    SealedSomewhere,
    /// It never arrives, and there is no answer either.
    Silence,
    /// It waits until another attempt has been judged.
    Overtaken,
    /// It waits at a gate of its own.
    Held,
}

#[derive(Debug)]
pub(super) struct Fake {
    pub(super) partitions: AtomicU32,
    /// Answers like a topic with ack 0.
    pub(super) is_silent: bool,
    state: Mutex<State>,
    /// While it is false, no attempt gets through.
    pub(super) gate: watch::Sender<bool>,
    /// While it is false, no attempt that is held gets through.
    pub(super) held_gate: watch::Sender<bool>,
    judged: Notify,
    in_flight: AtomicUsize,
    pub(super) in_flight_seen_max: AtomicUsize,
    pub(super) identities: AtomicU32,
    /// Where topics move to from here.
    other: OnceLock<Arc<Fake>>,
}

#[derive(Debug, Default)]
struct State {
    fates: VecDeque<Fate>,
    /// Fates of attempts that begin with this value, before those of all.
    fates_of: HashMap<String, VecDeque<Fate>>,
    logs: HashMap<u32, Log>,
    /// Attempts that arrive after so many others.
    strays: Vec<(usize, Attempt)>,
    seen: Vec<Seen>,
    /// Refusals of the next questions about topics.
    describe: VecDeque<Problem>,
}

/// An attempt as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) partition: u32,
    pub(super) header: BatchHeader,
    pub(super) ack: Option<Ack>,
    pub(super) failures: u32,
}

impl Fake {
    pub(super) fn new(partitions: u32) -> Arc<Fake> {
        Arc::new(Fake::silent(partitions, false))
    }

    pub(super) fn silent(partitions: u32, is_silent: bool) -> Fake {
        Fake {
            partitions: AtomicU32::new(partitions),
            is_silent,
            state: Mutex::default(),
            gate: watch::Sender::new(true),
            held_gate: watch::Sender::new(false),
            judged: Notify::new(),
            in_flight: AtomicUsize::new(0),
            in_flight_seen_max: AtomicUsize::new(0),
            identities: AtomicU32::new(0),
            other: OnceLock::new(),
        }
    }

    /// A cluster whose topic moves to another one.
    pub(super) fn before(partitions: u32, other: &Arc<Fake>) -> Arc<Fake> {
        let fake = Fake::silent(partitions, false);
        fake.other.set(other.clone()).unwrap();
        Arc::new(fake)
    }

    /// Partitions take nothing more from now on.
    pub(super) fn seal(&self, partitions: impl IntoIterator<Item = u32>) {
        let mut state = self.state();
        for partition in partitions {
            state.logs.entry(partition).or_default().is_sealed = true;
        }
    }

    /// The next attempts have these fates, and those after them are done.
    pub(super) fn script(&self, fates: impl IntoIterator<Item = Fate>) {
        self.state().fates.extend(fates);
    }

    /// The next attempts that begin with this value have these fates.
    pub(super) fn script_for(&self, value: &str, fates: impl IntoIterator<Item = Fate>) {
        self.state().fates_of.entry(value.to_owned()).or_default().extend(fates);
    }

    /// The next questions about topics are refused.
    pub(super) fn refuse_describe(&self, problem: Problem) {
        self.state().describe.push_back(problem);
    }

    /// What a partition holds.
    pub(super) fn values(&self, partition: u32) -> Vec<String> {
        self.state().logs.get(&partition).map(|log| log.values.clone()).unwrap_or_default()
    }

    /// Every attempt that came so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// All partitions forget all producers.
    pub(super) fn forget(&self) {
        for log in self.state().logs.values_mut() {
            log.producers.clear();
        }
    }

    /// What has not arrived yet arrives now.
    pub(super) fn let_strays_in(&self) {
        let mut state = self.state();
        for (_, stray) in std::mem::take(&mut state.strays) {
            let _ = state.judge(&stray);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn meet(&self, attempt: Attempt) -> Result<Acked, ClientError> {
        let fate = {
            let mut state = self.state();
            state.note(&attempt);
            state.fate_of(&attempt)
        };
        opened(&self.gate).await;
        match fate {
            Fate::Done => {}
            Fate::Held => opened(&self.held_gate).await,
            Fate::Overtaken => self.judged.notified().await,
            Fate::Lost => return Err(lost()),
            Fate::SealedSomewhere => return Err(Problem::new(ErrorCode::TopicMoved, "away").into()),
            Fate::NotLeader => return Err(Problem::new(ErrorCode::NotLeader, "moving").into()),
            Fate::Silence => std::future::pending().await,
            Fate::Stray(after) => {
                self.state().strays.push((after, attempt));
                return Err(lost());
            }
            Fate::AnswerLost => {
                let _ = self.judge(&attempt);
                return Err(lost());
            }
        }
        let answer = self.judge(&attempt);
        if self.is_silent { answer.map(|_| Acked::default()) } else { answer }
    }

    fn judge(&self, attempt: &Attempt) -> Result<Acked, ClientError> {
        let mut state = self.state();
        let answer = state.judge(attempt);
        let strays = std::mem::take(&mut state.strays);
        for (after, stray) in strays {
            match after.checked_sub(1) {
                Some(after) => state.strays.push((after, stray)),
                None => drop(state.judge(&stray)),
            }
        }
        self.judged.notify_one();
        answer
    }
}

impl State {
    fn note(&mut self, attempt: &Attempt) {
        let header = validate(&attempt.batch).expect("batches are whole");
        let (partition, ack, failures) = (attempt.partition, attempt.ack, attempt.failures);
        self.seen.push(Seen { partition, header, ack, failures });
    }

    fn fate_of(&mut self, attempt: &Attempt) -> Fate {
        let first = log::texts(&attempt.batch).swap_remove(0);
        let own = self.fates_of.get_mut(&first).and_then(VecDeque::pop_front);
        own.or_else(|| self.fates.pop_front()).unwrap_or(Fate::Done)
    }

    fn judge(&mut self, attempt: &Attempt) -> Result<Acked, ClientError> {
        let log = self.logs.entry(attempt.partition).or_default();
        log.append(attempt).map_err(ClientError::from)
    }
}

async fn opened(gate: &watch::Sender<bool>) {
    gate.subscribe().wait_for(|is_open| *is_open).await.unwrap();
}

fn lost() -> ClientError {
    ClientError::Interrupted { server: "fake".to_owned(), reason: "cut".to_owned() }
}

/// Counts an attempt while it is on its way, also one that is given up.
struct InFlight<'a>(&'a Fake);

impl<'a> InFlight<'a> {
    fn begin(fake: &'a Fake) -> Self {
        let now = fake.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        fake.in_flight_seen_max.fetch_max(now, Ordering::SeqCst);
        InFlight(fake)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Upstream for Fake {
    fn produce(&self, attempt: Attempt) -> BoxFuture<'_, Result<Acked, ClientError>> {
        Box::pin(async move {
            let _counted = InFlight::begin(self);
            self.meet(attempt).await
        })
    }

    fn identify(
        &self,
        known: Option<ProducerIdentity>,
        _failures: u32,
    ) -> BoxFuture<'_, Result<ProducerIdentity, ClientError>> {
        let count = self.identities.fetch_add(1, Ordering::SeqCst);
        let identity = match known {
            Some(known) => ProducerIdentity { epoch: known.epoch + 1, ..known },
            None => ProducerIdentity { producer_id: i64::from(count) + 1_000, epoch: 0 },
        };
        Box::pin(async move { Ok(identity) })
    }

    fn elsewhere(&self, servers: &[String]) -> Result<Arc<dyn Upstream>, ClientError> {
        if servers != log::OTHER_SERVERS {
            let reason = "none of these".to_owned();
            return Err(ClientError::BadServer { server: servers.join(" "), reason });
        }
        Ok(self.other.get().expect("there is another cluster").clone())
    }

    fn describe(
        &self,
        topic: Arc<str>,
        _failures: u32,
    ) -> BoxFuture<'_, Result<TopicFacts, ClientError>> {
        let refused = self.state().describe.pop_front();
        let partitions = self.partitions.load(Ordering::SeqCst) as usize;
        Box::pin(async move {
            if let Some(problem) = refused {
                return Err(problem.into());
            }
            assert_eq!(&*topic, super::TOPIC);
            Ok(TopicFacts { leaders: vec![(Some(1), 1); partitions], record_bytes_max: 1_000 })
        })
    }
}
