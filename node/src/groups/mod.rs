//! The coordinator of consumer groups: what is decided about them, and when. What survives it is in
//! `raft-store/src/state/group`; what is here is pure, and volatile: another node that becomes the
//! coordinator begins with sessions in full and hands out again what was not settled.

mod answers;
pub mod assignor;
pub mod coordinator;
mod dead_answers;
pub mod dead_box;
pub mod dead_letters;
mod dead_send;
pub mod dead_slice;
pub mod deliveries;
mod directives;
mod giving_up;
pub mod host;
mod lanes;
pub mod poll;
pub mod request;
pub mod retry_policy;
pub mod routing;
pub mod service;
pub mod sessions;
pub mod settle;
pub mod switch;
mod task;
pub mod token;
mod verdicts;

pub use host::{GroupHost, GroupHostOptions};
pub use service::{GroupService, GroupServiceOptions};
