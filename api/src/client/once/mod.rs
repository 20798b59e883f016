//! Effectively once: at-least-once delivery, and a store of the application's own that remembers which
//! records are done *in the same transaction* as what they brought about. A record that comes again is
//! found there, and nothing is done but to acknowledge it.
//!
//! The store stays the application's: it implements [`Remembers`] for its own transaction, and begins
//! and commits it itself.
//!
//! ```
//! use std::collections::{BTreeMap, BTreeSet};
//! use std::convert::Infallible;
//!
//! use rampart_api::client::once::{RecordId, Remembers, once};
//!
//! #[derive(Default)]
//! struct Accounts { balances: BTreeMap<String, i64>, done: BTreeSet<Vec<u8>> }
//!
//! impl Remembers for Accounts {
//!     type Error = Infallible;
//!     fn seen(&mut self, id: &RecordId) -> Result<bool, Infallible> {
//!         Ok(self.done.contains(&id.to_bytes()))
//!     }
//!     fn remember(&mut self, ids: &[RecordId]) -> Result<(), Infallible> {
//!         self.done.extend(ids.iter().map(RecordId::to_bytes));
//!         Ok(())
//!     }
//! }
//!
//! let mut accounts = Accounts::default();
//! for _ in 0..3 {
//!     let id = RecordId::position("payments", 0, 7);
//!     let pay = |accounts: &mut Accounts| -> Result<(), Infallible> {
//!         *accounts.balances.entry("ann".to_owned()).or_default() += 5;
//!         Ok(())
//!     };
//!     once(&mut accounts, &id, pay)?;
//! }
//! assert_eq!(accounts.balances["ann"], 5);
//! # Ok::<(), Infallible>(())
//! ```
//!
//! `api/examples/once.rs` does this with RocksDB and a consumer.
//!
//! # What the store must do
//! - **Commit the work and the memory together**, or neither.
//! - **Let one of two win.** A member that lost its partition may still be at work while the next one
//!   has the same record: the transaction must fail if somebody else remembered the id meanwhile (a
//!   primary key, a serialisable transaction, `get_for_update`).
//! - **Remember long enough.** A record can come again as long as its group can go back to it: after a
//!   failover seconds later, out of a dead-letter topic days later. Its position is enough where a
//!   topic is written by an idempotent producer; a message id of the sender's own
//!   ([`RecordId::from_header`]) also finds what a *program* sent twice.

use bytes::Bytes;

use super::consumer::Message;

/// What makes a record the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordId {
    /// Where it is.
    Position {
        /// Topic.
        topic: String,
        /// Partition.
        partition: u32,
        /// Position in it.
        offset: u64,
    },
    /// What its sender called it.
    Message(Bytes),
}

impl RecordId {
    /// A place in a partition.
    pub fn position(topic: impl Into<String>, partition: u32, offset: u64) -> Self {
        RecordId::Position { topic: topic.into(), partition, offset }
    }

    /// By where a record is.
    pub fn of(message: &Message) -> Self {
        RecordId::position(&*message.topic, message.partition, message.offset)
    }

    /// By the header in which its sender has named it; by where it is if there is none.
    pub fn from_header(message: &Message, header: &str) -> Self {
        let named = message.headers.iter().find(|(name, _)| name == header);
        let named = named.and_then(|(_, value)| value.clone());
        named.map_or_else(|| RecordId::of(message), RecordId::Message)
    }

    /// As a key of a store: different ids have different bytes, and positions of a partition are
    /// neighbours, in their order.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            RecordId::Position { topic, partition, offset } => {
                let mut bytes = vec![b'p'];
                bytes.extend_from_slice(topic.as_bytes());
                // No topic has such a character in its name.
                bytes.push(0);
                bytes.extend_from_slice(&partition.to_be_bytes());
                bytes.extend_from_slice(&offset.to_be_bytes());
                bytes
            }
            RecordId::Message(id) => [b"m", &id[..]].concat(),
        }
    }
}

/// A transaction of the application's own store, which can remember ids.
pub trait Remembers {
    /// What can go wrong in the store.
    type Error;

    /// Whether this was remembered. Two transactions that both ask for an id and remember it must not
    /// both be committed.
    ///
    /// # Errors
    /// The store's own.
    fn seen(&mut self, id: &RecordId) -> Result<bool, Self::Error>;

    /// Remembers these, as part of the transaction.
    ///
    /// # Errors
    /// The store's own.
    fn remember(&mut self, ids: &[RecordId]) -> Result<(), Self::Error>;
}

/// Does the work for a record unless it is done, and remembers it. `None` if it was done before. The
/// caller commits the transaction, and only then acknowledges the record.
///
/// # Errors
/// Of the store, or of the work: then the transaction is not to be committed.
pub fn once<T: Remembers, R, E: From<T::Error>>(
    transaction: &mut T,
    id: &RecordId,
    work: impl FnOnce(&mut T) -> Result<R, E>,
) -> Result<Option<R>, E> {
    if transaction.seen(id)? {
        return Ok(None);
    }
    let result = work(transaction)?;
    transaction.remember(std::slice::from_ref(id))?;
    Ok(Some(result))
}

/// The same for many records in one transaction: the work is given those that are not done, each
/// once, in their order. Answers how many those were.
///
/// # Errors
/// Of the store, or of the work: then the transaction is not to be committed.
pub fn all_once<'m, T: Remembers, E: From<T::Error>>(
    transaction: &mut T,
    messages: impl IntoIterator<Item = &'m Message>,
    id_of: impl Fn(&Message) -> RecordId,
    mut work: impl FnMut(&mut T, &'m Message) -> Result<(), E>,
) -> Result<usize, E> {
    let mut done = Vec::new();
    for message in messages {
        let id = id_of(message);
        if done.contains(&id) || transaction.seen(&id)? {
            continue;
        }
        work(transaction, message)?;
        done.push(id);
    }
    transaction.remember(&done)?;
    Ok(done.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A store that can fail.
    #[derive(Debug, Default)]
    struct Store {
        done: BTreeSet<Vec<u8>>,
        worked: Vec<u64>,
        is_broken: bool,
    }

    impl Remembers for Store {
        type Error = &'static str;

        fn seen(&mut self, id: &RecordId) -> Result<bool, &'static str> {
            match self.is_broken {
                true => Err("broken"),
                false => Ok(self.done.contains(&id.to_bytes())),
            }
        }

        fn remember(&mut self, ids: &[RecordId]) -> Result<(), &'static str> {
            self.done.extend(ids.iter().map(RecordId::to_bytes));
            Ok(())
        }
    }

    fn message(offset: u64, id: Option<&str>) -> Message {
        let header =
            |id: &str| ("message-id".to_owned(), Some(Bytes::copy_from_slice(id.as_bytes())));
        Message {
            topic: "t".into(),
            partition: 1,
            offset,
            timestamp_ms: 0,
            key: None,
            value: None,
            headers: id.map(header).into_iter().collect(),
            attempt: 1,
            error: None,
        }
    }

    fn work(store: &mut Store, message: &Message) -> Result<(), &'static str> {
        store.worked.push(message.offset);
        Ok(())
    }

    #[test]
    fn what_is_done_is_not_done_again_and_what_failed_is() {
        let mut store = Store::default();
        let id = RecordId::of(&message(4, None));
        let failed = once(&mut store, &id, |_| Err::<(), _>("no"));
        assert_eq!(failed, Err("no"));
        assert_eq!(once(&mut store, &id, |_| Ok::<_, &str>(5)), Ok(Some(5)));
        assert_eq!(once(&mut store, &id, |_| Ok::<_, &str>(6)), Ok(None));
        store.is_broken = true;
        assert_eq!(once(&mut store, &id, |_| Ok::<_, &str>(7)), Err("broken"));
    }

    #[test]
    fn a_batch_does_each_once_also_what_was_sent_twice() {
        let mut store = Store::default();
        let named = |message: &Message| RecordId::from_header(message, "message-id");
        let first = [message(1, Some("a")), message(2, Some("b")), message(3, Some("a"))];
        assert_eq!(all_once(&mut store, &first, named, work), Ok(2));
        let second = [message(2, Some("b")), message(4, None), message(5, Some("a"))];
        assert_eq!(all_once(&mut store, &second, named, work), Ok(1));
        assert_eq!(store.worked, [1, 2, 4]);
    }

    #[test]
    fn ids_differ_as_keys_and_positions_are_in_order() {
        let key = |topic: &str, partition, offset| {
            RecordId::position(topic, partition, offset).to_bytes()
        };
        assert!(key("t", 1, 255) < key("t", 1, 256) && key("t", 1, u64::MAX) < key("t", 2, 0));
        assert_ne!(key("t", 1, 2), key("t1", 1, 2));
        let named = RecordId::Message(Bytes::from(key("t", 1, 2)));
        assert_ne!(named.to_bytes(), key("t", 1, 2));
    }
}
