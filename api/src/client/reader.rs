//! Reads partitions without a group: where it is, is the program's own business.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout_at;

use super::consumer::{Message, TopicPartition};
use super::{Client, ClientError, FetchFrom, FetchOptions, runtime};
use crate::http::encoding::Encoding;
use crate::http::fetch::{FetchResponse, FetchedError, FetchedRecord};
use crate::model::ids::Offset;

/// Records of one partition that one poll fetches.
const RECORDS_MAX: u64 = 500;
/// Bytes of one partition that one poll fetches, about.
const BYTES_MAX: u64 = 1 << 20;

/// Reads the partitions that it was given, each from where it was told to. Nothing is settled, and
/// nobody else hears of it: a program that keeps [`position`](Reader::position)s in its own store, in
/// the transaction of its work, reads effectively once.
///
/// ```no_run
/// # use std::time::Duration;
/// # use rampart_api::client::consumer::TopicPartition;
/// # use rampart_api::client::{Client, FetchFrom, Reader};
/// # use rampart_api::http::fetch::OffsetParam;
/// # async fn example(client: Client) -> Result<(), rampart_api::client::ClientError> {
/// let place = TopicPartition::new("orders", 0);
/// let mut reader = Reader::assign(client, [(place, FetchFrom::Offset(OffsetParam::Earliest))]);
/// for message in reader.poll(Duration::from_secs(1)).await? {
///     println!("{}: {:?}", message.offset, message.value);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Reader {
    client: Client,
    positions: BTreeMap<TopicPartition, FetchFrom>,
    paused: BTreeSet<TopicPartition>,
}

impl Reader {
    /// A reader of these partitions.
    pub fn assign(
        client: Client,
        partitions: impl IntoIterator<Item = (TopicPartition, FetchFrom)>,
    ) -> Reader {
        Reader { client, positions: partitions.into_iter().collect(), paused: BTreeSet::new() }
    }

    /// The next records of whichever partition has some first, in order within a partition. None
    /// after `wait`, or if all are paused.
    ///
    /// If this future is dropped, nothing was read.
    ///
    /// # Errors
    /// What the cluster says; `OFFSET_OUT_OF_RANGE` where retention was quicker: then `seek`.
    pub async fn poll(&mut self, wait: Duration) -> Result<Vec<Message>, ClientError> {
        let options = FetchOptions {
            max_records: Some(RECORDS_MAX),
            max_bytes: Some(BYTES_MAX),
            wait: Some(wait),
            encoding: Encoding::Base64,
            linearizable: false,
        };
        let deadline = runtime::now() + wait + Duration::from_secs(5);
        let open = self.positions.iter().filter(|(place, _)| !self.paused.contains(place));
        let fetches = open.map(|(place, from)| {
            let (client, place, from) = (&self.client, place.clone(), *from);
            async move {
                let fetched = client.fetch(&place.topic, place.partition, from, options).await;
                (place, fetched)
            }
        });
        let mut fetches: FuturesUnordered<_> = fetches.collect();
        let (mut moved, mut failed, mut found) = (Vec::new(), None, Vec::new());
        while let Ok(Some((place, fetched))) = timeout_at(deadline, fetches.next()).await {
            match fetched {
                Ok(fetched) => {
                    let (next, messages) =
                        read(&place, &fetched).map_err(|error| self.odd(&error))?;
                    moved.extend(next.map(|next| (place, next)));
                    found = messages;
                }
                Err(error) => failed = Some(error),
            }
            // What the others have is asked for again by the next call.
            if !found.is_empty() {
                break;
            }
        }
        drop(fetches);
        self.positions.extend(moved);
        match failed {
            Some(error) if found.is_empty() => Err(error),
            Some(_) | None => Ok(found),
        }
    }

    /// Reads on from there.
    pub fn seek(&mut self, place: TopicPartition, from: FetchFrom) {
        self.positions.insert(place, from);
    }

    /// The offset of the next record, once one was read or an offset was given.
    pub fn position(&self, place: &TopicPartition) -> Option<FetchFrom> {
        self.positions.get(place).copied()
    }

    /// Reads nothing of these until `resume`.
    pub fn pause(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.paused.extend(partitions);
    }

    /// Reads these again.
    pub fn resume(&mut self, partitions: &[TopicPartition]) {
        self.paused.retain(|paused| !partitions.contains(paused));
    }

    fn odd(&self, error: &FetchedError) -> ClientError {
        let server = self.client.servers().swap_remove(0);
        ClientError::Unexpected { server, status: 200, text: error.to_string() }
    }
}

/// Where to go on, and the records.
fn read(
    place: &TopicPartition,
    fetched: &FetchResponse,
) -> Result<(Option<FetchFrom>, Vec<Message>), FetchedError> {
    let next = fetched.next_offset.map(|next| FetchFrom::from(Offset(next)));
    let messages = fetched.records.iter().map(|record| message(&place.topic, record));
    Ok((next, messages.collect::<Result<_, _>>()?))
}

fn message(topic: &Arc<str>, record: &FetchedRecord) -> Result<Message, FetchedError> {
    let headers = record.header_bytes(Encoding::Base64)?.into_iter();
    Ok(Message {
        topic: topic.clone(),
        partition: record.partition,
        offset: record.offset,
        timestamp_ms: record.timestamp,
        key: record.key_bytes(Encoding::Base64)?.map(Bytes::from),
        value: record.value_bytes(Encoding::Base64)?.map(Bytes::from),
        headers: headers.map(|(name, value)| (name, value.map(Bytes::from))).collect(),
        attempt: 1,
        error: None,
    })
}
