//! The HTTP client that the command line, the demo and the tests use: one method per endpoint,
//! typed bodies, and every refusal as the problem that the server sent. Any node takes any
//! request, so the client knows no leaders; it only moves on from a server that it can't reach.

mod cluster;
mod dead_letter;
mod error;
mod fetch;
mod produce;
mod topics;
mod transport;

pub use error::ClientError;
pub use fetch::{FetchFrom, FetchOptions, RawBatches};
pub use produce::{LineAnswers, LineFormat, ProduceOptions};
pub use transport::Client;
