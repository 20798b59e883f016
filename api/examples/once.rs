//! Effectively once, with RocksDB: each record adds its number to a sum, and the sum and the memory that
//! it was added are one transaction. Kill it whenever you like: the sum is right.
//!
//! ```sh
//! rampart dev &
//! rampart topic create numbers --partitions 3
//! seq 1000 | rampart produce numbers
//! cargo run --example once --features client -- 127.0.0.1:8080 sums numbers /tmp/sums
//! ```

use std::error::Error;
use std::time::Duration;

use rampart_api::client::Client;
use rampart_api::client::consumer::{Consumer, ConsumerOptions, Message, Settle};
use rampart_api::client::once::{RecordId, Remembers, once};
use rampart_api::http::groups::StartAt;
use rocksdb::{ErrorKind, OptimisticTransactionDB, Transaction};

const SUM: &[u8] = b"sum";
/// Ids are kept under keys that begin so.
const DONE: &[u8] = b"done/";

/// A transaction of this program's store.
struct Sums<'a>(Transaction<'a, OptimisticTransactionDB>);

impl Remembers for Sums<'_> {
    type Error = rocksdb::Error;

    fn seen(&mut self, id: &RecordId) -> Result<bool, rocksdb::Error> {
        // Watched: if somebody else remembers it meanwhile, the commit fails.
        Ok(self.0.get_for_update(key(id), true)?.is_some())
    }

    fn remember(&mut self, ids: &[RecordId]) -> Result<(), rocksdb::Error> {
        ids.iter().try_for_each(|id| self.0.put(key(id), b""))
    }
}

impl Sums<'_> {
    fn add(&mut self, number: u64) -> Result<u64, rocksdb::Error> {
        let before = self.0.get_for_update(SUM, true)?;
        let before = before.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)));
        let after = before.unwrap_or(0) + number;
        self.0.put(SUM, after.to_be_bytes())?;
        Ok(after)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, group, topic, folder] = arguments.as_slice() else {
        return Err("SERVER[,SERVER...] GROUP TOPIC FOLDER, please".into());
    };
    let servers: Vec<String> = servers.split(',').map(str::to_owned).collect();
    let store: OptimisticTransactionDB = OptimisticTransactionDB::open_default(folder)?;
    let options = ConsumerOptions {
        start: StartAt::Earliest,
        settle: Settle::Records,
        ..ConsumerOptions::of(group.as_str(), [topic.as_str()])
    };
    let mut consumer = Consumer::new(Client::new(servers)?, options)?;
    loop {
        let records = tokio::select! {
            records = consumer.poll(Duration::from_secs(5)) => records?,
            _ = tokio::signal::ctrl_c() => break,
        };
        for record in records {
            match handle(&store, &record)? {
                Some(sum) => println!("{}@{}: {sum}", record.place(), record.offset),
                None => println!("{}@{} was counted before", record.place(), record.offset),
            }
            // Only once the transaction is committed. Whether the answer comes does not matter: if the
            // record comes again, it is found.
            drop(record.success());
        }
    }
    consumer.close().await;
    Ok(())
}

/// Adds a record's number, once. Tried again when somebody else changed the sum meanwhile.
fn handle(
    store: &OptimisticTransactionDB,
    message: &Message,
) -> Result<Option<u64>, rocksdb::Error> {
    let id = RecordId::of(message);
    let text = String::from_utf8_lossy(message.value.as_deref().unwrap_or_default());
    let number = text.trim().parse().unwrap_or(0);
    loop {
        let mut sums = Sums(store.transaction());
        let sum = once(&mut sums, &id, |sums| sums.add(number))?;
        match sums.0.commit() {
            Ok(()) => return Ok(sum),
            Err(error) if matches!(error.kind(), ErrorKind::Busy | ErrorKind::TryAgain) => {}
            Err(error) => return Err(error),
        }
    }
}

fn key(id: &RecordId) -> Vec<u8> {
    [DONE, &id.to_bytes()].concat()
}
