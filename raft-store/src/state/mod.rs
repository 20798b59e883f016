//! Pure replicated state machines: command in, state change and response out. No I/O, no clock,
//! no randomness; time and ids travel inside the command.

pub mod group;
pub mod metadata;
pub mod partition;
