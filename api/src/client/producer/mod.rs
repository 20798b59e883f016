//! The SDK's producer: takes records, gathers them into batches by partition, and sends them until it
//! is decided what became of them.
//!
//! # What is guaranteed
//! - **Every record that was taken gets one answer**, at the latest a moment after
//!   [`delivery_timeout`](ProducerOptions::delivery_timeout): written, with its offset; *not written*,
//!   for certain; or *unknown* ([`DeliveryError`]). Unknown is never called not written: a record is
//!   unknown if one of its attempts had no answer, and none after it had the last word.
//! - **Once.** With [`idempotent`](ProducerOptions::idempotent), the default, each batch carries the
//!   producer's id, epoch and sequence, and is sent again, the same bytes with the same numbers, to
//!   any node, until it is acknowledged. A partition writes it once, whoever leads it and whatever
//!   died in between. This holds for what the producer repeats: a program that sends a record again,
//!   after an unknown end or a restart of its own, sends another record. Without it only what was
//!   certainly not written is sent again, and the first answer that does not come makes a record
//!   unknown.
//! - **In order.** Records that are sent one after the other to one partition are written in that
//!   order, with one or several batches in flight; one that is not written leaves no gap behind it.
//! - **Bounded.** What is taken and not decided holds at most
//!   [`buffer_bytes_max`](ProducerOptions::buffer_bytes_max) (INV-12); beyond that `send` waits. A
//!   partition without a leader holds its part of it until its records expire.
//!
//! How durable an acknowledged record is, is a matter of [`ack`](ProducerOptions::ack): with `quorum`
//! and `-1` it survives the loss of its leader; with `1` the last second before that may be lost; with
//! `0` nobody knows, batches are not numbered, and there are no offsets.
//!
//! # When the end of a batch is unknown
//! What follows can't have the next sequence: the partition would refuse it if the batch was not
//! written. The lane waits until all that is in flight has come to its end, takes the next epoch of
//! its id, and begins again at sequence 0. The first batch of the new epoch makes the partition refuse
//! whatever of the old one may still be on its way: so what is unknown is decided at that moment, and
//! is never written behind what was sent after it. The same is done for a partition that has forgotten
//! the producer: after a day without a record, when the topic was deleted and made again, or when a
//! leader was lost with what only it had acknowledged (ack 1).
//!
//! A batch that is refused because of a record in it is cut in two, again and again, until the bad
//! record is refused alone and all others are written.
//!
//! # When a topic moves to another cluster
//! The producer follows, partition by partition: once everything that it sent to the old one is
//! decided, what the seal refused, and all that comes after, goes to the same partition of the new
//! cluster in the same order, under a producer id of that cluster. What may have been written before
//! the seal is asked for again at the *old* cluster, which remembers. It hears of the move by the
//! refusal, and by Castle. Nothing of this is seen from outside but that offsets begin anew.
//!
//! # Partitions
//! A partition that the record names; else the [`partitioner`](ProducerOptions::partitioner), by
//! default the key's murmur2 as Kafka has it; else the sticky one: records without a key stay on a
//! partition until their batch ends, and go on to the next one that is not behind others.
//!
//! # Inside
//! ```text
//! handle ──room (bytes)──> topic ──partition──> lane: batches ──> lane_task ──> flight ──> upstream
//!  send,                   facts,               filled by          numbering,    one batch:  HTTP, or
//!  flush, close            sticky               whoever sends      order         attempts    a test's
//! ```
//! `verdict`, `numbering`, `partitioner` are pure. A `cluster` is what a lane writes to: the one that the
//! producer was made for, or one that the topic moved to.

mod background;
mod batch;
mod cluster;
mod delivery;
mod error;
mod flight;
mod handle;
mod lane;
mod lane_task;
mod numbering;
mod options;
mod outstanding;
mod partitioner;
mod record;
mod shared;
mod steered;
#[cfg(test)]
mod tests;
mod topic;
mod upstream;
mod verdict;

pub use delivery::{Delivery, DeliveryResult};
pub use error::{DeliveryError, FailureReason, OptionError, SendError};
pub use handle::Producer;
pub use options::ProducerOptions;
pub use partitioner::{ByKey, Partitioner};
pub use record::{Record, RecordMetadata};
