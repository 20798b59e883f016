//! What happened in a run, one JSON object a line: each operation as it began and as it ended, the
//! faults between them, and what was read from every replica and every disk at the end. The judge
//! (`invariants`) sees nothing else.

pub mod castle;
pub mod event;
pub mod group;
pub mod journal;
pub mod reader;
pub mod recorder;

pub use castle::{Dispatch, Named, NamedLeader};
pub use event::{Ack, DumpedEntry, Event, Function, Kind, Phase};
pub use group::{Delivery, Held, Progress, Said, Settled};
pub use journal::Journal;
pub use recorder::Recorder;
