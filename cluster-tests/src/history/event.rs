//! One line of a history. Fields that say nothing are left out; a field keeps its meaning in every
//! function.

use serde::{Deserialize, Serialize};

use super::castle::Dispatch;
use super::group::{Delivery, Held, Progress};

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It begins. Its end, if there is one, has the same operation id.
    Invoke,
    /// It was done, as the event says.
    Ok,
    /// It was certainly not done and never will be.
    Fail,
    /// It may have been done, or may still be, once. The same as no end at all.
    Unknown,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// Append `values` (with `keys`) to a partition; ok: they are at `offsets`.
    Produce,
    /// Read from `offset` on; ok: `values` at `offsets`, `high_watermark`, `log_start`,
    /// `next_offset`.
    Fetch,
    /// One piece of a live tail: as `fetch`, pushed by the server.
    Tail,
    /// Find the offset of `spec`; ok: `offset`.
    ListOffset,
    /// Delete the records below `offset`; ok: `log_start`.
    Truncate,
    /// A consumer goes on elsewhere: its next offset is `offset`, or wherever it reads next. Without
    /// it, a process that fetches (or tails) a partition goes on where its last answer ended.
    Seek,
    /// A change of the cluster or a topic: `kind` says which, `node` whom it is about. After a
    /// `delete_topic` began, nothing of its topic must be there any more; after a `remove_node` was
    /// done, nobody must be sent to that node.
    Admin,
    /// A fault: `kind` is its name, `detail` or `node` whom it hits, `majority` whether leaders must
    /// be found in spite of it, at the latest when it ends. Invoke: it begins; ok: it is in force.
    Inject,
    /// The end of the faults of the same `kind`, and of the same `detail` and `node` where they are
    /// said. Ok: it is over.
    Heal,
    /// `node` (replica `replica`) was seen to lead the partition in `epoch`.
    Lead,
    /// After healing, the whole partition was read while `node` led it: as `fetch`, in pieces.
    FinalRead,
    /// After stopping, the whole log on `node`'s disk: `entries`, `log_start`, `log_end`, and the
    /// committed end as `high_watermark` where it is known.
    Dump,
    /// A step of the run itself: `kind` says which (`faults_end`, `healed`, `writes_again`,
    /// `replicas_equal`), or what holds for `topic` or all topics: `retention` (its log start moves
    /// by itself, and leaves `detail` records at least), `ack1_max_lag_ms` (`detail` is the number,
    /// where it isn't the default). Of a `group`: `group` (it begins at `spec`, and gives records up
    /// after `detail` deliveries, where it does), `drained` (nothing is left for it to do). Of a
    /// process: `steered` (it follows Castle, by heartbeats that are not in the history).
    Mark,
    /// A member of `generation` commits `offset` for its group: all below is done.
    Commit,
    /// A consumer joins, with its topics.
    Subscribe,
    /// A consumer was given partitions.
    Assign,
    /// A group's generation changed.
    Rebalance,
    /// A consumer finished a record.
    Ack,
    /// A consumer wants a record again later.
    Retry,
    /// A consumer gives a record up.
    Reject,
    /// Dead letters are sent back.
    Redrive,
    /// A transaction begins.
    TxnBegin,
    /// A transaction is committed or aborted.
    TxnEnd,
    /// A client, whose name is in `detail`, asks Castle at `node` where to go; ok: `dispatch`. From
    /// its first one on it follows Castle.
    Heartbeat,
    /// A member asks for records of its group; ok: its `generation`, what it holds (`assignment`), and
    /// its `deliveries`. The first one joins.
    Poll,
    /// A member says what it did with `deliveries`; ok: each with what came of it.
    Settle,
    /// A member leaves its group.
    Leave,
    /// How far a group is; ok: its `progress`.
    Progress,
    /// Somebody moves a group to other offsets of a topic or one of its partitions.
    Reset,
    /// After draining, what died in a group: `deliveries`, at `offsets` of a dead-letter partition.
    DeadLetters,
}

/// Acknowledgement that a producer asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ack {
    /// Every in-sync replica.
    #[serde(rename = "-1")]
    All,
    /// A majority.
    #[serde(rename = "quorum")]
    Quorum,
    /// The leader's disk.
    #[serde(rename = "1")]
    Leader,
    /// None.
    #[serde(rename = "0")]
    Zero,
}

/// One entry with records, as a disk has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpedEntry {
    /// Offset of its first record.
    pub base: u64,
    /// How many records.
    pub records: u64,
    /// Term it was written in.
    pub term: u64,
    /// CRC of its bytes, as hexadecimal text.
    pub crc: String,
}

/// What a fault or another thing without fields of its own is called.
pub type Kind = String;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Nanoseconds on one monotonic clock since the run began.
    pub time: u64,
    /// Who acts: one client, one operation at a time.
    pub process: u32,
    /// The operation; an invoke and its end have the same.
    pub op: u64,
    /// How far it is.
    pub phase: Phase,
    /// What was asked.
    pub f: Function,
    /// Topic. One that was deleted and made again is another topic, with another name here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// Acknowledgement asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack: Option<Ack>,
    /// Keys of the values, where there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Values, each unique over the run. Of a long one its unique beginning; a reader that finds
    /// the rest changed writes `corrupt:` before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Offsets of the values, one each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offsets: Vec<u64>,
    /// An offset that was asked for or answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// `earliest`, `latest` or a timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// Where a reader goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
    /// As the answer said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_watermark: Option<u64>,
    /// As the answer said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_start: Option<u64>,
    /// End of a dumped log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_end: Option<u64>,
    /// Leader epoch: the term of the leader that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// `linearizable`, `read_committed`, `read_uncommitted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<String>,
    /// Idempotent producer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer_id: Option<u64>,
    /// Its sequence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// What makes a request of a client without such a number the same when it is sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Consumer group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Its member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// What the member holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assignment: Vec<Held>,
    /// Records in its hands, or that it speaks of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
    /// How far the group is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<Progress>,
    /// What Castle said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatch: Option<Dispatch>,
    /// Node that was asked, or that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u32>,
    /// Replica that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<u64>,
    /// Which change, fault or step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Whatever else a person wants to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Of a fault: whether a majority of every partition's replicas goes on, within reach of each
    /// other and of the clients. Nothing means no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub majority: Option<bool>,
    /// Why it failed, or is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What a disk has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<DumpedEntry>,
}

impl Event {
    /// An event that says nothing yet. Time, operation and phase are the recorder's to fill in.
    pub fn new(process: u32, f: Function) -> Self {
        Event {
            time: 0,
            process,
            op: 0,
            phase: Phase::Invoke,
            f,
            topic: None,
            partition: None,
            ack: None,
            keys: Vec::new(),
            values: Vec::new(),
            offsets: Vec::new(),
            offset: None,
            spec: None,
            next_offset: None,
            high_watermark: None,
            log_start: None,
            log_end: None,
            epoch: None,
            isolation: None,
            producer_id: None,
            sequence: None,
            idempotency_key: None,
            group: None,
            generation: None,
            member: None,
            assignment: Vec::new(),
            deliveries: Vec::new(),
            progress: Vec::new(),
            dispatch: None,
            node: None,
            replica: None,
            kind: None,
            detail: None,
            majority: None,
            error: None,
            entries: Vec::new(),
        }
    }

    /// The same about a partition.
    #[must_use]
    pub fn at(mut self, topic: &str, partition: u32) -> Self {
        self.topic = Some(topic.to_owned());
        self.partition = Some(partition);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::group::{Said, Settled};

    #[test]
    fn a_line_has_only_what_it_says_and_comes_back_the_same() {
        let mut event = Event::new(3, Function::Produce).at("t", 1);
        event.ack = Some(Ack::All);
        event.values = vec!["a".to_owned()];
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(
            line,
            r#"{"time":0,"process":3,"op":0,"phase":"invoke","f":"produce","topic":"t","partition":1,"ack":"-1","values":["a"]}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }

    #[test]
    fn what_a_group_does_comes_back_the_same() {
        let mut event = Event::new(3, Function::Settle);
        (event.group, event.member) = (Some("g".to_owned()), Some("a".to_owned()));
        let mut delivery = Delivery::of(("t", 1), 7, "a");
        (delivery.said, delivery.result) = (Some(Said::Ack), Some(Settled::Acked));
        event.deliveries = vec![delivery];
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(
            line,
            r#"{"time":0,"process":3,"op":0,"phase":"invoke","f":"settle","group":"g","member":"a","deliveries":[{"topic":"t","partition":1,"offset":7,"value":"a","attempt":1,"said":"ack","result":"acked"}]}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }
}
