//! One produce, in 64 bytes: a history has millions.

use super::values::ValueId;
use crate::history::event::{Ack, Event};

/// No such line, or no such epoch.
pub(super) const NONE: u32 = u32::MAX;

/// How a produce ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With an acknowledgement and offsets that follow each other.
    Acked,
    /// With one that names no offsets, or none that make sense.
    AckedSomewhere,
    /// Certainly not done.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// Values sent together to one partition.
#[derive(Debug, Clone)]
pub(super) struct Write {
    /// Operation id.
    pub(super) op: u64,
    /// When it was sent.
    pub(super) sent_at: u64,
    /// When its end was known.
    pub(super) ended_at: u64,
    /// Of its first value: as acknowledged, else as found.
    pub(super) offset: Option<u64>,
    /// Line on which it begins.
    pub(super) begin: u32,
    /// Line on which it ends.
    pub(super) end_line: u32,
    /// Its values are numbered from here on, unless some were sent before.
    pub(super) first_value: ValueId,
    /// How many values.
    pub(super) count: u32,
    /// How many of them stand where the first one says.
    pub(super) found: u32,
    /// Term of the leader that acknowledged.
    pub(super) epoch: u32,
    /// Where to, as the partition is numbered here.
    pub(super) partition: u32,
    /// Acknowledgement asked for; the strictest of those it may have been where nothing says.
    pub(super) ack: Ack,
    /// How it ended.
    pub(super) end: End,
    /// Sent by a producer that numbers its requests, or with a key: it is there once, however often
    /// it is sent.
    pub(super) is_idempotent: bool,
    /// Times it was sent that are not answered, or never will be.
    open: u16,
}

/// Whether a produce is to be written once, however often it is sent.
pub(super) fn is_once(event: &Event) -> bool {
    event.producer_id.is_some() || event.idempotency_key.is_some()
}

impl Write {
    /// A produce that begins.
    pub(super) fn begin(event: &Event, line: u32, partition: u32) -> Write {
        Write {
            op: event.op,
            sent_at: event.time,
            ended_at: u64::MAX,
            offset: None,
            begin: line,
            end_line: NONE,
            first_value: 0,
            count: u32::try_from(event.values.len()).unwrap_or(NONE),
            found: 0,
            epoch: NONE,
            partition,
            ack: event.ack.unwrap_or(Ack::Quorum),
            end: End::Unknown,
            is_idempotent: is_once(event),
            open: 1,
        }
    }

    /// The same once more: what was refused before may be done now.
    pub(super) fn is_sent_again(&mut self) {
        self.open = self.open.saturating_add(1);
        if self.end == End::Failed {
            self.end = End::Unknown;
        }
    }

    /// One of the times it was sent came to nothing; it was refused if all of them did.
    pub(super) fn is_refused(&mut self) {
        self.open = self.open.saturating_sub(1);
        if self.open == 0 && self.end == End::Unknown {
            self.end = End::Failed;
        }
    }

    /// Whether it must never be lost: acknowledged by a majority, or by all in sync.
    pub(super) fn must_stay(&self) -> bool {
        self.end == End::Acked && matches!(self.ack, Ack::Quorum | Ack::All)
    }

    /// The operation and its times, for a message.
    pub(super) fn when(&self) -> String {
        let (op, sent) = (self.op, seconds(self.sent_at));
        match self.end {
            End::Unknown => format!("operation {op}, sent at {sent}, never answered"),
            End::Failed => {
                format!("operation {op}, sent at {sent}, refused at {}", seconds(self.ended_at))
            }
            End::Acked | End::AckedSomewhere => {
                format!("operation {op}, sent at {sent}, acked at {}", seconds(self.ended_at))
            }
        }
    }
}

/// An event's operation and time, for a message.
pub(super) fn when(event: &Event) -> String {
    let Event { op, process, .. } = event;
    format!("operation {op} of process {process}, at {}", seconds(event.time))
}

/// A time as a person reads it.
pub(super) fn seconds(nanoseconds: u64) -> String {
    let milliseconds = nanoseconds / 1_000_000;
    format!("{}.{:03} s", milliseconds / 1_000, milliseconds % 1_000)
}
