//! Requests that are written once however often they come: an idempotent producer says id, epoch and
//! sequence, in `X-Producer-*` or in its batch; anybody else sends an `Idempotency-Key`. What is
//! remembered of a key are hashes, of it and of all that decides what is written.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use rampart_api::http::encoding::Encoding;
use rampart_api::model::limits::{IDEMPOTENCY_KEY_BYTES_MAX, INTERNAL_PRODUCER_ID_MIN};
use rampart_api::model::murmur2::partition_for_key;
use rampart_api::model::once::{KeyTag, OnceTag};
use rampart_api::model::problem::Problem;
use rampart_api::model::record_batch::BatchHeader;

use super::Job;
use super::plan::Plan;
use super::send::PartResult;
use crate::http::error::invalid;
use crate::partition::once_hash::once_hash;

const KEY: &str = "idempotency-key";
const PRODUCER: [&str; 3] = ["x-producer-id", "x-producer-epoch", "x-producer-sequence"];
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Who sends a request that is written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Once {
    /// An idempotent producer.
    Producer(Sequence),
    /// Somebody with a key for this request.
    Key(Vec<u8>),
}

/// Where a producer is in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) producer_id: i64,
    pub(super) epoch: i16,
    pub(super) base_sequence: i32,
}

/// What the headers say.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<Once>, Problem> {
    let key = only(headers, KEY)?;
    let [id, epoch, sequence] = PRODUCER.map(|name| only(headers, name));
    let (id, epoch, sequence) = (id?, epoch?, sequence?);
    match (key, id, epoch, sequence) {
        (None, None, None, None) => Ok(None),
        (Some(key), None, None, None) => {
            let length = key.as_bytes().len();
            if (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&length) {
                return Ok(Some(Once::Key(key.as_bytes().to_vec())));
            }
            let max = IDEMPOTENCY_KEY_BYTES_MAX;
            Err(invalid(format!("Idempotency-Key has {length} bytes, 1 to {max} are taken")))
        }
        (None, Some(id), Some(epoch), Some(sequence)) => Ok(Some(Once::Producer(Sequence {
            producer_id: not_internal(number(PRODUCER[0], id)?)?,
            epoch: number(PRODUCER[1], epoch)?,
            base_sequence: number(PRODUCER[2], sequence)?,
        }))),
        (Some(_), ..) => Err(invalid("Idempotency-Key and X-Producer-* exclude each other")),
        (None, ..) => {
            Err(invalid("X-Producer-Id, X-Producer-Epoch and X-Producer-Sequence belong together")
                .hint("POST /v1/producers gives id and epoch; sequences count records from 0"))
        }
    }
}

/// The cluster's own producers are nobody else's to speak for.
fn not_internal(producer_id: i64) -> Result<i64, Problem> {
    match producer_id >= INTERNAL_PRODUCER_ID_MIN {
        true => Err(invalid(format!("producer id {producer_id} is the cluster's own"))
            .hint("POST /v1/producers gives one")),
        false => Ok(producer_id),
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(invalid(format!("{name} is there more than once"))),
        None => Ok(first),
    }
}

/// A number that is not negative.
fn number<T: std::str::FromStr + Default + PartialOrd>(
    name: &str,
    value: &HeaderValue,
) -> Result<T, Problem> {
    let number = value.to_str().ok().and_then(|text| text.parse::<T>().ok());
    number.filter(|number| *number >= T::default()).ok_or_else(|| {
        let bits = 8 * size_of::<T>();
        invalid(format!("{name} is a number from 0 on, of {bits} bits with its sign"))
    })
}

impl Once {
    /// Where records go that name no partition and have no key: a retry finds them there, through
    /// whichever node it comes.
    pub(super) fn partition_for_keyless(&self, partitions: u32) -> Option<u32> {
        match self {
            Once::Key(key) => Some(partition_for_key(key, partitions)),
            Once::Producer(_) => None,
        }
    }

    /// The producer to write into the batch.
    pub(super) fn sequence(&self) -> Option<Sequence> {
        match self {
            Once::Producer(sequence) => Some(*sequence),
            Once::Key(_) => None,
        }
    }

    /// What travels with each batch of the request. `parts` are all that decides what is written.
    pub(super) fn tag(&self, stamp_ms: i64, parts: &[&[u8]]) -> OnceTag {
        let key = match self {
            // Nobody has to say who they are yet: all are one principal, whose name is empty.
            Once::Key(key) => Some(KeyTag { key: once_hash(&[b"", key]), body: once_hash(parts) }),
            Once::Producer(_) => None,
        };
        OnceTag { stamp_ms, key }
    }
}

impl Job {
    /// Marks the batches of a plan, where the request is to be written once. `parts` are the
    /// request's, besides its query.
    pub(super) fn mark(&self, plan: &mut Plan, parts: &[&[u8]]) -> Result<(), Problem> {
        let Some(once) = &self.once else {
            return Ok(());
        };
        if once.sequence().is_some() && plan.parts.len() != 1 {
            let detail = "a sequence is that of one partition, and the records go to several";
            return Err(invalid(detail).hint("name it with ?partition="));
        }
        let tag = once.tag(plan.now_ms, &[&[self.query().as_bytes()], parts].concat());
        for part in &mut plan.parts {
            part.once = Some(tag);
        }
        Ok(())
    }

    /// The mark of a raw batch, which may say itself who sends it.
    pub(super) fn mark_of_batch(
        &self,
        header: &BatchHeader,
        now_ms: i64,
        body: &[u8],
    ) -> Result<Option<OnceTag>, Problem> {
        let is_numbered = not_internal(header.producer_id)? >= 0;
        if is_numbered && (header.producer_epoch < 0 || header.base_sequence < 0) {
            return Err(invalid("a producer id without epoch and sequence"));
        }
        match &self.once {
            Some(Once::Producer(_)) => {
                Err(invalid("X-Producer-* with raw batches, which say it themselves"))
            }
            Some(Once::Key(_)) if is_numbered => {
                Err(invalid("Idempotency-Key with a batch of an idempotent producer"))
            }
            Some(once) => Ok(Some(once.tag(now_ms, &[self.query().as_bytes(), b"batch", body]))),
            None => Ok(is_numbered.then_some(OnceTag { stamp_ms: now_ms, key: None })),
        }
    }

    /// What of the query decides what is written.
    fn query(&self) -> String {
        let partition = self.partition.map_or(String::new(), |partition| partition.to_string());
        let encoding = self.encoding.map_or("", Encoding::as_str);
        format!("partition={partition}&encoding={encoding}")
    }
}

/// Says in an answer that nothing was written for it: it all was there.
pub(super) fn note_replay(mut response: Response, results: &[PartResult]) -> Response {
    let is_replay = |result: &PartResult| {
        result.as_ref().is_ok_and(|produced| produced.replayed_stamp_ms.is_some())
    };
    if !results.is_empty() && results.iter().all(is_replay) {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        map
    }

    #[test]
    fn headers_say_who_sends_it_or_what_is_missing() {
        let [id, epoch, sequence] = PRODUCER;
        let producer = Sequence { producer_id: 4_000, epoch: 1, base_sequence: 7 };
        let all = headers(&[(id, "4000"), (epoch, "1"), (sequence, "7")]);
        assert_eq!(read(&all).unwrap(), Some(Once::Producer(producer)));
        assert_eq!(read(&headers(&[(KEY, "k")])).unwrap(), Some(Once::Key(b"k".to_vec())));
        assert_eq!(read(&HeaderMap::new()).unwrap(), None);
        let long = "k".repeat(IDEMPOTENCY_KEY_BYTES_MAX + 1);
        let wrong: &[(&[(&str, &str)], &str)] = &[
            (&[(id, "1")], "belong together"),
            (&[(id, "1"), (epoch, "0")], "belong together"),
            (&[(KEY, "k"), (id, "1")], "exclude"),
            (&[(KEY, "k"), (KEY, "l")], "more than once"),
            (&[(KEY, "")], "0 bytes"),
            (&[(KEY, &long)], "256 bytes"),
            (&[(id, "-1"), (epoch, "0"), (sequence, "0")], "x-producer-id"),
            (&[(id, "1"), (epoch, "40000"), (sequence, "0")], "16 bits"),
            (&[(id, "1"), (epoch, "0"), (sequence, "x")], "x-producer-sequence"),
        ];
        for (pairs, detail) in wrong {
            let mut map = HeaderMap::new();
            for (name, value) in *pairs {
                map.append(
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    value.parse().unwrap(),
                );
            }
            let refused = read(&map).unwrap_err();
            assert!(refused.detail.contains(detail), "{detail}: {refused}");
        }
    }

    #[test]
    fn keys_and_bodies_differ_wherever_they_are_cut() {
        let once = Once::Key(b"k".to_vec());
        let tag = |parts: &[&[u8]]| once.tag(1, parts).key.unwrap();
        assert_eq!(tag(&[b"ab", b"c"]), tag(&[b"ab", b"c"]));
        assert_ne!(tag(&[b"ab", b"c"]).body, tag(&[b"a", b"bc"]).body);
        let other = Once::Key(b"l".to_vec()).tag(1, &[b"ab"]).key.unwrap();
        assert_ne!(other.key, tag(&[b"ab"]).key);
        assert_eq!(other.body, tag(&[b"ab"]).body);
    }
}
