//! A poll: the coordinator says what to read, this node reads it from the partitions' leaders, and
//! the coordinator gives it out. Records go from their leader to the client by one node between at
//! most, and never through the coordinator.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, stream};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{Offset, TopicId};
use rampart_api::model::problem::Problem;
use rampart_api::model::record_batch::Record;
use rampart_raft_store::state::group::state::MemberAbout;
use rampart_raft_store::state::group::{MemberId, TopicPartition};
use tokio::time::Instant;

use super::request::{
    GroupAnswer, GroupRequest, HandOut, HandedOut, ParkedDelivery, Plan, Planned, PlannedRead,
    ReadFrom,
};
use super::service::{GroupService, odd};
use super::token::{AckToken, Delivery};
use crate::partition::page::page;
use crate::partition::request::{Fetch, Fetched, OffsetSpec};

/// Partitions that one poll reads at once.
const READS_AT_ONCE_MAX: usize = 8;
/// A poll that waits asks the coordinator again so often: what is due, and who is assigned what, may
/// have changed. Its session goes on by it. At first sooner, then after twice as long each time: who
/// polls all the time while records are brought back, slice by slice, is not to wait for the next one.
const PLAN_EVERY: Duration = Duration::from_millis(500);
const PLAN_FIRST: Duration = Duration::from_millis(25);
/// Partitions that one poll waits for.
const WAITED_FOR_MAX: usize = 64;
/// Least bytes that are read of a partition.
const READ_BYTES_MIN: usize = 64 << 10;

/// What a member asks for.
#[derive(Debug, Clone)]
pub struct Poll {
    /// The group.
    pub group: String,
    /// Who polls.
    pub member: MemberId,
    /// What it says of itself.
    pub about: MemberAbout,
    /// What it wants to read.
    pub topics: BTreeSet<TopicId>,
    /// Where the group begins in partitions that it never read.
    pub start: OffsetSpec,
    /// Records at most.
    pub records_max: usize,
    /// Keys, values and headers in all, about.
    pub bytes_max: usize,
    /// How long to wait for a record if there is none.
    pub wait: Duration,
    /// How long the member keeps the records.
    pub lock_ms: u32,
}

/// What a member gets.
#[derive(Debug, Clone)]
pub struct Polled {
    /// The group's generation.
    pub generation: u64,
    /// What it holds.
    pub assignment: Vec<TopicPartition>,
    /// The records.
    pub records: Vec<PolledRecord>,
}

/// A record in a member's hands.
#[derive(Debug, Clone)]
pub struct PolledRecord {
    /// Where it came from.
    pub partition: TopicPartition,
    /// Its offset there.
    pub offset: Offset,
    /// What to hand back.
    pub token: String,
    /// Which delivery it is, from 1.
    pub attempt: u32,
    /// What went wrong the last time, if it was parked.
    pub error: Option<String>,
    /// The record.
    pub record: Record,
}

/// What was read of one partition.
struct Read {
    partition: TopicPartition,
    epoch: u64,
    records: Vec<(Offset, Record)>,
    next: Offset,
    log_start: Offset,
}

impl GroupService {
    /// Gives a member records.
    ///
    /// # Errors
    /// Those of the coordinator; of the partitions' leaders if none of them can be read.
    pub async fn poll(&self, poll: Poll) -> Result<Polled, Problem> {
        let deadline = self.inner.clock.instant() + poll.wait;
        let mut pause = PLAN_FIRST;
        loop {
            let planned = self.plan(&poll).await?;
            if !planned.to_start.is_empty() {
                self.start(&poll, &planned.to_start).await?;
                continue;
            }
            let mut records: Vec<PolledRecord> =
                planned.parked.iter().cloned().map(parked).collect();
            // A record that was parked is in the member's hands: whatever fails now, it gets it.
            match self.read(&poll, &planned).await {
                Ok(read) => match self.hand_out(&poll, read).await {
                    Ok(fresh) => records.extend(fresh),
                    Err(problem) if records.is_empty() => return Err(problem),
                    Err(_) => {}
                },
                Err(problem) if records.is_empty() => return Err(problem),
                Err(_) => {}
            }
            let now = self.inner.clock.instant();
            if !records.is_empty() || now >= deadline {
                let Planned { generation, assignment, .. } = planned;
                return Ok(Polled { generation, assignment, records });
            }
            self.wait(&planned, pause, deadline).await;
            pause = PLAN_EVERY.min(pause * 2);
        }
    }

    async fn plan(&self, poll: &Poll) -> Result<Planned, Problem> {
        let plan = Plan {
            group: poll.group.clone(),
            member: poll.member.clone(),
            about: poll.about.clone(),
            topics: poll.topics.clone(),
            records_max: u32::try_from(poll.records_max).unwrap_or(u32::MAX),
            lock_ms: poll.lock_ms,
        };
        match self.ask(GroupRequest::Plan(plan)).await? {
            GroupAnswer::Planned(planned) => Ok(planned),
            other => Err(odd(&other)),
        }
    }

    async fn start(&self, poll: &Poll, partitions: &[TopicPartition]) -> Result<(), Problem> {
        let start = poll.start;
        let find = |at: TopicPartition| async move {
            let listed = self.inner.partitions.list_offset(at.into(), start).await?;
            Ok::<_, Problem>((at, listed.offset))
        };
        let finding: Vec<_> = partitions.iter().map(|at| find(*at)).collect();
        let found = stream::iter(finding).buffered(READS_AT_ONCE_MAX).collect::<Vec<_>>().await;
        let starts = found.into_iter().collect::<Result<Vec<_>, _>>()?;
        self.ask(GroupRequest::Start { group: poll.group.clone(), starts }).await?;
        Ok(())
    }

    /// Reads what was planned, beginning with another partition each time.
    async fn read(&self, poll: &Poll, planned: &Planned) -> Result<Vec<Read>, Problem> {
        let mut order: Vec<PlannedRead> = planned.read.clone();
        if order.is_empty() {
            return Ok(Vec::new());
        }
        let turn = self.inner.randomness.number() % order.len() as u64;
        order.rotate_left(usize::try_from(turn).unwrap_or(0));
        let each = (poll.bytes_max / order.len().min(READS_AT_ONCE_MAX)).max(READ_BYTES_MIN);
        let reads: Vec<_> = order.into_iter().map(|read| self.read_one(read, each)).collect();
        let mut reads = stream::iter(reads).buffered(READS_AT_ONCE_MAX);
        let (mut read, mut left, mut failed) = (Vec::new(), poll.records_max, None);
        while let Some(one) = reads.next().await {
            match one {
                Ok(one) if left == 0 => drop(one),
                Ok(mut one) => {
                    cut(&mut one, left);
                    left -= one.records.len();
                    read.push(one);
                }
                // The partition's topic may be gone, or it has no leader for a moment.
                Err(problem) => failed = Some(problem),
            }
        }
        match failed {
            Some(problem) if read.is_empty() => Err(problem),
            _ => Ok(read),
        }
    }

    async fn read_one(&self, planned: PlannedRead, bytes_max: usize) -> Result<Read, Problem> {
        let PlannedRead { partition, epoch, again, from, fresh } = planned;
        let mut read =
            Read { partition, epoch, records: Vec::new(), next: from, log_start: Offset(0) };
        if let Some(first) = again.first() {
            let wanted: BTreeSet<Offset> = again.iter().copied().collect();
            let span = again.last().map_or(1, |last| last.0 - first.0 + 1);
            let span = usize::try_from(span).unwrap_or(usize::MAX);
            let fetched = self.fetch(partition, *first, bytes_max).await?;
            read.log_start = fetched.log_start;
            let page = page(&fetched.batches, *first, span, bytes_max)?;
            let came_back = page.records.into_iter().filter(|(offset, _)| wanted.contains(offset));
            read.records.extend(came_back);
        }
        if fresh > 0 && read.records.len() == again.len() {
            let fetched = self.fetch(partition, from, bytes_max).await?;
            read.log_start = fetched.log_start;
            let start = from.max(fetched.log_start);
            let page = page(&fetched.batches, start, fresh as usize, bytes_max)?;
            read.records.extend(page.records);
            read.next = page.next;
        }
        Ok(read)
    }

    /// Reads a partition; from its start, if what was wanted is gone.
    pub(super) async fn fetch(
        &self,
        partition: TopicPartition,
        offset: Offset,
        bytes_max: usize,
    ) -> Result<Fetched, Problem> {
        let max_bytes = u32::try_from(bytes_max).unwrap_or(u32::MAX);
        let key = partition.into();
        let fetch = Fetch { key, offset, max_bytes, wait_ms: 0, linearizable: false };
        match self.inner.partitions.fetch(fetch).await {
            Err(Problem {
                code: ErrorCode::OffsetOutOfRange,
                valid_offsets: Some((start, _)),
                ..
            }) if offset.0 < start => {
                self.inner.partitions.fetch(Fetch { offset: Offset(start), ..fetch }).await
            }
            fetched => fetched,
        }
    }

    async fn hand_out(&self, poll: &Poll, read: Vec<Read>) -> Result<Vec<PolledRecord>, Problem> {
        if read.iter().all(|one| one.records.is_empty() && one.log_start == Offset(0)) {
            return Ok(Vec::new());
        }
        let named = read.iter().map(|one| ReadFrom {
            partition: one.partition,
            epoch: one.epoch,
            offsets: one.records.iter().map(|(offset, _)| *offset).collect(),
            next: one.next,
            log_start: one.log_start,
        });
        let hand_out = HandOut {
            group: poll.group.clone(),
            member: poll.member.clone(),
            lock_ms: poll.lock_ms,
            read: named.collect(),
        };
        match self.ask(GroupRequest::HandOut(hand_out)).await? {
            GroupAnswer::HandedOut(given) => Ok(given_out(read, &given)),
            other => Err(odd(&other)),
        }
    }

    /// Waits until there may be something: a record in one of the partitions, a parked one that is
    /// due, or the time to ask again.
    async fn wait(&self, planned: &Planned, pause: Duration, deadline: Instant) {
        let now = self.inner.clock.instant();
        let due = planned.next_due_ms.map_or(pause, Duration::from_millis);
        let wait = deadline.saturating_duration_since(now).min(pause).min(due);
        let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).max(1);
        let reads = planned.read.iter().filter(|read| read.fresh > 0).take(WAITED_FOR_MAX);
        let mut waits: FuturesUnordered<_> = reads
            .map(|read| {
                let key = read.partition.into();
                let (offset, max_bytes) = (read.from, 1);
                let fetch = Fetch { key, offset, max_bytes, wait_ms, linearizable: false };
                self.inner.partitions.fetch(fetch)
            })
            .collect();
        let arrived = async {
            while let Some(fetched) = waits.next().await {
                if fetched.is_ok_and(|fetched| !fetched.batches.is_empty()) {
                    return;
                }
            }
            // Nothing to wait for, or nothing that can be read: the time passes.
            std::future::pending::<()>().await;
        };
        let _ = tokio::time::timeout(wait, arrived).await;
    }
}

/// Takes so many records at most; what follows was not read.
fn cut(read: &mut Read, records_max: usize) {
    if let Some((first_left, _)) = read.records.get(records_max) {
        read.next = read.next.min(*first_left);
        read.records.truncate(records_max);
    }
}

fn parked(delivery: ParkedDelivery) -> PolledRecord {
    let copy = delivery.record;
    PolledRecord {
        partition: delivery.origin,
        offset: delivery.offset,
        token: delivery.token,
        attempt: delivery.attempt,
        error: Some(delivery.error),
        record: Record {
            offset_delta: 0,
            timestamp_ms: copy.timestamp_ms,
            key: copy.key,
            value: copy.value,
            headers: copy.headers,
        },
    }
}

/// The records that the coordinator gave out, of those that were read.
fn given_out(read: Vec<Read>, given: &[HandedOut]) -> Vec<PolledRecord> {
    let mut records = Vec::new();
    for one in read {
        let of_it =
            |given: &&HandedOut| (given.partition, given.epoch) == (one.partition, one.epoch);
        let Some(HandedOut { partition, epoch, records: attempts }) = given.iter().find(of_it)
        else {
            continue;
        };
        let mut attempts = attempts.iter().peekable();
        for (offset, record) in one.records {
            let Some((_, attempt)) = attempts.next_if(|(given, _)| *given == offset) else {
                continue;
            };
            let token = AckToken {
                partition: *partition,
                epoch: *epoch,
                delivery: Delivery::Fresh(offset),
                attempt: *attempt,
            };
            records.push(PolledRecord {
                partition: *partition,
                offset,
                token: token.to_string(),
                attempt: *attempt,
                error: None,
                record,
            });
        }
    }
    records
}
