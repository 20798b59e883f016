//! What goes wrong in a run, and when.

mod injector;
mod network;
mod plan;
mod processes;
mod storm;

pub(crate) use self::injector::Injector;
pub(crate) use self::plan::{Fault, Plan, Planned, PowerLoss};
