//! The task of a lane: numbers batches, keeps some of them in flight, in order, and begins anew where
//! a number was lost.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::Instrument;

use super::batch::Batch;
use super::cluster::Cluster;
use super::error::FailureReason;
use super::flight::{End, Flight, Landed};
use super::lane::{Lane, Next};
use super::numbering::{Need, Numbering};
use super::shared::Shared;
use super::topic::TopicView;
use super::upstream::Acked;
use super::verdict::blames_a_record;
use crate::client::dice::Dice;
use crate::client::moves::{Destination, ProducerMove, Side};
use crate::client::pause::pause;
use crate::client::{ClientError, runtime};
use crate::http::producers::ProducerIdentity;
use crate::model::problem::Outcome;

/// Runs until the lane is finished and empty.
pub(super) struct LaneTask {
    lane: Arc<Lane>,
    shared: Arc<Shared>,
    /// Where it writes to.
    cluster: Arc<Cluster>,
    topic: TopicView,
    /// Its way to another cluster.
    moving: ProducerMove,
    numbering: Numbering,
    flights: FuturesUnordered<BoxFuture<'static, Landed>>,
    /// Numbers of the flights that have not landed, in order.
    in_flight: VecDeque<u64>,
    /// The first of them.
    first: watch::Sender<u64>,
    flown: u64,
    /// Flights that came before what they follow, and are to be sent again.
    overtaking: Arc<AtomicUsize>,
    /// Batches that were certainly not written and are to be numbered anew once all have landed.
    grounded: Vec<(u64, Batch)>,
    /// The same, in order, before everything that is in the lane.
    again: VecDeque<Batch>,
}

impl LaneTask {
    pub(super) fn new(lane: Arc<Lane>, shared: Arc<Shared>, topic: TopicView) -> Self {
        LaneTask {
            lane,
            numbering: Numbering::new(shared.options.idempotent),
            cluster: shared.home.clone(),
            shared,
            topic,
            moving: ProducerMove::default(),
            flights: FuturesUnordered::new(),
            in_flight: VecDeque::new(),
            first: watch::Sender::new(0),
            flown: 0,
            overtaking: Arc::default(),
            grounded: Vec::new(),
            again: VecDeque::new(),
        }
    }

    /// Sends what the lane holds, until it is finished and empty.
    pub(super) async fn run(mut self) {
        loop {
            if let Some(to) = self.topic.told() {
                self.moving.told(to.clone());
            }
            self.settle();
            if let Some(batch) = self.take_again() {
                self.launch(batch).await;
                continue;
            }
            let next = match self.has_room() {
                true => self.lane.take(runtime::now(), self.shared.room.is_wanted()),
                false => Next::Nothing,
            };
            match next {
                Next::Batch(open) => {
                    self.launch(open.build(self.shared.options.compression)).await;
                }
                Next::End if self.flights.is_empty() => return,
                Next::End | Next::Nothing => self.wait(None).await,
                Next::At(due) => self.wait(Some(due)).await,
            }
        }
    }

    /// Once all have landed, those that were not written go again, before what came after them.
    fn settle(&mut self) {
        if !self.in_flight.is_empty() {
            return;
        }
        self.numbering.mend();
        // Stable: the halves of one batch keep their order.
        self.grounded.sort_by_key(|(number, _)| *number);
        for (_, batch) in self.grounded.drain(..).rev() {
            self.again.push_front(batch);
        }
        if let Some(Side::New(to)) = self.moving.side() {
            self.go_over(&to);
        }
    }

    /// All that was sent to one cluster is decided; what follows goes to another, under an identity of
    /// that one.
    fn go_over(&mut self, to: &Destination) {
        self.moving = ProducerMove::default();
        let (topic, partition) = (self.lane.topic.clone(), self.lane.partition);
        match self.cluster.toward(to) {
            Ok(cluster) => {
                tracing::info!(%topic, partition, cluster = to.cluster, "the partition moved");
                let watch = |watcher| self.shared.watch(watcher, &cluster);
                self.topic = cluster.view_of_moved(&topic, &self.topic, watch);
                self.numbering = Numbering::new(self.shared.options.idempotent);
                self.cluster = cluster;
            }
            Err(error) => {
                let reason = FailureReason::Refused(Arc::new(error));
                for batch in std::mem::take(&mut self.again) {
                    self.fail(batch, Outcome::NotDone, &reason);
                }
            }
        }
    }

    fn take_again(&mut self) -> Option<Batch> {
        if self.has_room() { self.again.pop_front() } else { None }
    }

    /// Whether another batch may follow those in flight.
    fn has_room(&self) -> bool {
        // Without numbers two batches could change places.
        let max = if self.numbering.is_on() { self.shared.options.in_flight_max } else { 1 };
        // What is sent again would be overtaken in its turn.
        let is_in_order = self.overtaking.load(Ordering::Relaxed) == 0;
        let is_open = self.numbering.is_whole() && self.moving.may_send_to_old() && is_in_order;
        is_open && self.grounded.is_empty() && self.in_flight.len() < max
    }

    async fn wait(&mut self, due: Option<Instant>) {
        let until_due = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(landed) = self.flights.next(), if !self.flights.is_empty() => self.land(landed),
            () = self.lane.wake.notified() => {}
            () = until_due => {}
        }
    }

    async fn launch(&mut self, mut batch: Batch) {
        if let Err(reason) = self.identify(batch.deadline).await {
            return self.fail(batch, Outcome::NotDone, &reason);
        }
        let place = self.numbering.take(batch.len());
        batch.stamp(place);
        self.flown += 1;
        let number = self.flown;
        self.in_flight.push_back(number);
        self.moving.sent();
        self.publish_first();
        let span = tracing::debug_span!(
            "produce_batch",
            topic = %self.lane.topic,
            partition = self.lane.partition,
            records = batch.len(),
            bytes = batch.bytes().len(),
            producer_id = place.map(|place| place.identity.producer_id),
            sequence = place.map(|place| place.sequence),
        );
        let flight = Flight {
            shared: self.shared.clone(),
            cluster: self.cluster.clone(),
            lane: self.lane.clone(),
            topic: self.topic.clone(),
            number,
            first: self.first.subscribe(),
            overtaking: self.overtaking.clone(),
            batch,
            place,
        };
        self.flights.push(Box::pin(flight.fly().instrument(span)));
    }

    /// Sees to it that batches can be numbered. Nothing is in flight where that takes a question.
    async fn identify(&mut self, deadline: Instant) -> Result<(), FailureReason> {
        let (mut failures, mut last) = (0, None);
        let mut dice = Dice::seeded(self.shared.seed);
        while self.numbering.need() != Need::Nothing {
            let identity = ask(&self.cluster, self.numbering.need(), failures);
            let error = match timeout_at(deadline, identity).await {
                Ok(Ok(identity)) => {
                    self.numbering.begin(identity);
                    continue;
                }
                Ok(Err(error)) => Arc::new(error),
                Err(_) => {
                    let after = self.shared.options.delivery_timeout;
                    return Err(FailureReason::Expired { after, last });
                }
            };
            // To ask again harms nobody: an id that was lost on its way is never given to others.
            if error.outcome() == Outcome::NotDone && !error.is_safe_to_retry() {
                return Err(FailureReason::Refused(error));
            }
            failures += 1;
            tracing::debug!(failures, %error, "no producer id");
            last = Some(error);
            let pause = pause(failures, None, &mut dice);
            sleep_until(deadline.min(runtime::now() + pause)).await;
        }
        Ok(())
    }

    fn land(&mut self, landed: Landed) {
        let Landed { number, batch, place, outcome, end } = landed;
        self.in_flight.retain(|other| *other != number);
        self.publish_first();
        self.note_decided(&end);
        match end {
            End::Written(acked) => self.written(batch, &acked),
            End::OutOfPlace(renewal, error) => {
                self.note_lost_place(&error);
                match self.numbering.out_of_place(renewal, outcome) {
                    Outcome::NotDone => self.grounded.push((number, batch)),
                    Outcome::Unknown => {
                        self.fail(batch, Outcome::Unknown, &FailureReason::OutOfPlace(error));
                    }
                }
            }
            End::Elsewhere(_) => {
                // What follows it was not written either, whatever it is answered.
                self.numbering.gap(place, Outcome::NotDone);
                self.grounded.push((number, batch));
            }
            End::Refused(error) => {
                self.numbering.gap(place, outcome);
                if outcome == Outcome::NotDone && blames_a_record(&error) {
                    return self.refused((number, batch), error);
                }
                self.fail(batch, outcome, &FailureReason::Refused(error));
            }
            End::Expired(last) => {
                self.numbering.gap(place, outcome);
                let after = self.shared.options.delivery_timeout;
                self.fail(batch, outcome, &FailureReason::Expired { after, last });
            }
        }
    }

    fn note_decided(&mut self, end: &End) {
        let goes_over = match end {
            End::Elsewhere(error) => match error.as_ref() {
                ClientError::Problem { body, .. } => self.moving.refused(body),
                _ => false,
            },
            _ => false,
        };
        if !goes_over {
            self.moving.decided();
        }
    }

    fn written(&mut self, batch: Batch, acked: &Acked) {
        if acked.leader_epoch > self.topic.facts().leader(self.lane.partition).1 {
            self.topic.refresh();
        }
        if acked.base_offset.is_none() && !acked.is_replayed && self.numbering.is_on() {
            self.numbering.switch_off();
        }
        self.shared.steering.decided(batch.len());
        batch.written(self.lane.partition, acked);
    }

    /// One of the records is to blame: each half goes again, until that one is alone.
    fn refused(&mut self, (number, batch): (u64, Batch), error: Arc<ClientError>) {
        match batch.halves(self.shared.options.compression) {
            Ok(halves) => self.grounded.extend(halves.map(|half| (number, half))),
            Err(batch) => self.fail(batch, Outcome::NotDone, &FailureReason::Refused(error)),
        }
    }

    fn note_lost_place(&self, error: &ClientError) {
        if self.numbering.is_whole() {
            // It was silent for a day, the topic is another one, or a leader was lost with what only
            // it had acknowledged.
            let (topic, partition) = (&self.lane.topic, self.lane.partition);
            tracing::warn!(%topic, partition, %error, "the partition has forgotten the producer");
        }
    }

    fn fail(&self, batch: Batch, outcome: Outcome, reason: &FailureReason) {
        let (topic, partition, records) = (&self.lane.topic, self.lane.partition, batch.len());
        tracing::warn!(%topic, partition, records, ?outcome, %reason, "records not acknowledged");
        self.shared.steering.decided(records);
        batch.failed(partition, outcome, reason);
    }

    fn publish_first(&self) {
        self.first.send_replace(self.in_flight.front().copied().unwrap_or(self.flown + 1));
    }
}

async fn ask(
    cluster: &Cluster,
    need: Need,
    failures: u32,
) -> Result<ProducerIdentity, ClientError> {
    match need {
        Need::Nothing | Need::Shared => cluster.identity(failures).await,
        Need::NextEpoch(known) => cluster.upstream.identify(Some(known), failures).await,
        Need::OwnId => cluster.upstream.identify(None, failures).await,
    }
}
