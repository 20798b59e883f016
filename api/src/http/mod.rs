//! The JSON bodies of the HTTP interface, one file per resource. No sockets, no decisions: the
//! node's `http` listener and the client both use these shapes. Large bodies (records) are read
//! and written as text, field by field, without a tree in between.

pub mod castle;
pub mod castle_moves;
pub mod cluster;
pub mod dead_letter;
pub mod dead_letter_records;
pub mod encoding;
pub mod error;
pub mod fetch;
pub mod groups;
pub mod json_pointer;
pub mod json_text;
pub mod produce;
pub mod producers;
pub mod request;
pub mod topics;
