//! Clients of a cluster. `append` and `read_back` are those of the tests and the demo; the others make up the
//! traffic of a chaos run, one kind a file, all of them recorded.

pub mod append;
pub mod castle;
pub mod group;
pub mod idempotent;
pub mod keyed;
pub mod linearizable;
pub mod list_offset;
pub mod long_poll;
pub mod mix;
pub mod once;
pub mod process;
pub mod read_back;
pub mod reader;
pub mod soak;
pub mod tail;
pub mod topic_churn;
pub mod traffic;
pub mod truncate;
pub mod value;
pub mod writer;
pub mod writers;
