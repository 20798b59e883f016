//! The SDK's consumer: a member of a group, which gets the records of its partitions, says what it did
//! with them, and keeps what is in hand for as long as it works on it.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use rampart_api::client::consumer::{Consumer, ConsumerOptions, Settle};
//! # use rampart_api::client::Client;
//! # use rampart_api::http::groups::StartAt;
//! # fn bill(_: &[u8]) -> Result<(), String> { Ok(()) }
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(["127.0.0.1:8080".to_owned()])?;
//! let options = ConsumerOptions {
//!     start: StartAt::Earliest,
//!     settle: Settle::Records,
//!     ..ConsumerOptions::of("billing", ["orders"])
//! };
//! let mut consumer = Consumer::new(client, options)?;
//! loop {
//!     for record in consumer.poll(Duration::from_secs(1)).await? {
//!         match bill(record.value.as_deref().unwrap_or_default()) {
//!             Ok(()) => record.success(),
//!             Err(error) => record.retry(None, error),
//!         };
//!     }
//! }
//! # }
//! ```
//!
//! # What is guaranteed
//! - **At least once.** A record is delivered until somebody has settled it: one whose consumer died,
//!   or whose lock ran out, comes again. With [`Settle::Automatic`], the default, a record is done when
//!   the next poll is asked for, so nothing is done that the application did not get back from.
//! - **What was acknowledged is not delivered again**, once its [`Settling`] has said so. Until then it
//!   may be: the answer can be lost, and what was said is repeated for
//!   [`settle_timeout`](ConsumerOptions::settle_timeout).
//! - **Not twice at once.** A record that the cluster delivers again while it is in hand (a new
//!   coordinator knows nothing of locks) is not given to the application a second time: its newer
//!   token takes the place of the older one.
//! - **In order** of offsets within a partition, as far as first deliveries go. [`run`](Consumer::run)
//!   keeps the order of each key.
//! - **Nothing after two thirds of a session in silence.** A consumer that does not get through to its
//!   group stops delivering before anybody else can have its partitions, and has lost them after a
//!   whole session: what is in hand then settles nothing ([`SettleError::Lost`]).
//! - **Bounded** (INV-12): no more is fetched than fits into
//!   [`buffer_bytes_max`](ConsumerOptions::buffer_bytes_max) and one answer, nor while
//!   [`in_hand_max`](ConsumerOptions::in_hand_max) records are not settled. An application that
//!   settles nothing gets nothing more.
//!
//! - **It follows a topic that moves to another cluster**, if Castle steers it: once the whole group
//!   has settled all of the topic in the old cluster it is read in the new one, from its beginning.
//!   No member gets anything of the new cluster before that, so the order of keys holds. Offsets
//!   begin anew there, and bounds count in each cluster by itself.
//!
//! At most once is [`success`](ConsumerRecord::success) *before* the work, waiting for its answer.
//! Effectively once is at least once with a store that remembers what was done in the same transaction
//! as the work: see [`once`](crate::client::once).
//!
//! # Locks
//! Locks are renewed in the background while the application works, for
//! [`processing_max`](ConsumerOptions::processing_max) at the longest. A record that is dropped without
//! a word is not renewed. An application that does not come back for so long is taken for dead: what
//! was fetched for it is given up, and the session ends. With a dead-letter switch, a lock that runs
//! out counts as a failed attempt; so does an answer that is lost on its way to the client.
//!
//! # Inside
//! ```text
//! handle ──> ways, one for each cluster:
//!  poll, stream,   take, say ──> member: buffer, hand, <──results── engine ──> upstream:
//!  run, close                     assignment, liveness               │          HTTP, or
//!                                 decides; none of it  ──what to do──┘          a test's
//!                                 waits
//!                  follow: Castle says that a topic goes on elsewhere
//!                          ──> the group is through ──> another way
//! ```

mod buffer;
mod engine;
mod error;
mod follow;
mod hand;
mod handle;
mod lanes;
mod liveness;
mod member;
mod offsets;
mod options;
mod rebalance;
mod record;
mod run;
mod shared;
mod steered;
#[cfg(test)]
mod tests;
mod through;
mod upstream;
mod ways;

pub use error::{ConsumerError, SettleError};
pub use hand::Verdict;
pub use handle::Consumer;
pub use options::{ConsumerOptions, Settle};
pub use rebalance::{RebalanceListener, TopicPartition};
pub use record::{AckHandle, ConsumerRecord, Message, SettleResult, Settling};
