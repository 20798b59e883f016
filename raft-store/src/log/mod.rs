//! openraft's log storage over the engine, for one group. An append is readable from the tail when
//! it returns and acknowledged when the engine has synced it, together with other groups' appends.
//!
//! ```text
//! RaftCore ──append──▶ writer ──▶ GroupLog (offsets, terms, tail, sparse index)
//!                        │                        ▲
//!                        └──▶ engine ──synced──▶ IOFlushed, tickets
//! replication, apply, fetch ──▶ reader ──▶ tail, else engine
//! ```
//! Offsets are computed here (INV-02), votes and entries are submitted in the order they are
//! issued (INV-05).

mod group_log;
mod offset_index;
mod once;
mod open;
mod placement;
mod reader;
mod record;
mod seal;
mod sync_progress;
mod tail;
mod terms;
mod writer;

pub(crate) use self::group_log::{DamagedGroups, GroupLog, Primed, erase_one, store_producers};
pub(crate) use self::open::open;
pub use self::reader::LogReader;
pub(crate) use self::record::LogRecord;
pub(crate) use self::tail::TailBudget;
pub use self::writer::LogStorage;
