//! The client SDK. [`Client`] has one method per endpoint, typed bodies, and every refusal as the
//! problem that the server sent: the command line, the demo and the tests use it, and who
//! administers a cluster ([`Admin`]). Any node takes any request, so it knows no leaders; it only
//! moves on from a server that it can't reach. [`producer`] and [`consumer`] are built on it, and
//! [`castle`] steers them.

pub mod castle;
mod castle_endpoints;
mod castle_moves;
mod cluster;
pub mod consumer;
mod dead_letter;
mod dice;
mod error;
mod fetch;
mod groups;
pub mod moves;
pub mod once;
mod pause;
mod produce;
pub mod producer;
mod producers;
mod reader;
mod runtime;
mod session;
mod topics;
mod transport;

pub use castle::CastleSession;
pub use consumer::Consumer;
pub use dead_letter::PeekOptions;
pub use error::ClientError;
pub use fetch::{FetchFrom, FetchOptions, RawBatches};
pub use produce::{LineAnswers, LineFormat, ProduceOptions};
pub use producer::{OptionError, Producer};
pub use reader::Reader;
pub use transport::Client;

/// Creates, alters and deletes topics, looks after nodes: the methods of [`Client`], under the name by
/// which those who know Kafka look for them.
pub type Admin = Client;
