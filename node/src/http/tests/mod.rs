//! The edge against a fake node: `fake` keeps records in memory, `harness` speaks to the router or
//! to a real socket.

mod admin;
mod bad_input;
mod castle;
mod castle_moves;
mod console;
mod dead_letter;
mod dead_letter_records;
mod docs;
mod fake;
mod fetching;
mod harness;
mod limits;
mod once;
mod producing;
mod tailing;
