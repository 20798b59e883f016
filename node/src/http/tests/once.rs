//! Requests that are written once: what reaches the partition, and what is answered to a duplicate.

use rampart_api::http::produce::ProduceResponse;
use rampart_api::http::producers::ProducerIdentity;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::murmur2::partition_for_key;
use rampart_api::model::once::OnceTag;
use rampart_api::model::record_batch::{BatchBuilder, BatchHeader, NewRecord};

use super::harness::Harness;

const RECORDS: &str = "/v1/topics/flights/records";
const BODY: &str = r#"{"records":[{"value":1},{"value":2,"timestamp":5}]}"#;

fn last_once(harness: &Harness) -> Option<OnceTag> {
    harness.node.onces.lock().unwrap().last().copied().flatten()
}

#[tokio::test]
async fn a_key_chooses_the_partition_and_travels_as_hashes() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 7);
    let send = async |key: &str, query: &str, body: &str| {
        let path = format!("{RECORDS}{query}");
        harness.send("POST", &path, &[("idempotency-key", key)], body.to_owned()).await
    };
    for key in ["a", "b", "order-7"] {
        let answer = send(key, "", BODY).await;
        assert!(!answer.headers.contains_key("idempotency-replayed"));
        let offsets = answer.json::<ProduceResponse>().offsets;
        let expected = partition_for_key(key.as_bytes(), 7);
        assert!(offsets.iter().all(|offset| offset.partition == expected), "{key}: {offsets:?}");
    }
    let key = |once: Option<OnceTag>| once.unwrap().key.unwrap();
    let first = key(last_once(&harness));
    send("order-7", "", BODY).await;
    assert_eq!(key(last_once(&harness)), first);
    for (query, body) in [("", r#"{"records":[{"value":1}]}"#), ("?partition=3", BODY)] {
        send("order-7", query, body).await;
        let other = key(last_once(&harness));
        assert_eq!(other.key, first.key);
        assert_ne!(other.body, first.body, "{query} {body}");
    }
    let octets = [("idempotency-key", "k"), ("content-type", "application/octet-stream")];
    harness.send("POST", RECORDS, &octets, "x").await;
    let plain = key(last_once(&harness));
    let with_key = [octets[0], octets[1], ("x-record-key", "SFO")];
    harness.send("POST", RECORDS, &with_key, "x").await;
    assert_ne!(key(last_once(&harness)).body, plain.body);
}

#[tokio::test]
async fn a_duplicate_is_answered_with_what_the_first_was_and_marked() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 1);
    *harness.node.replays.lock().unwrap() = Some(77);
    let answer = harness.send("POST", RECORDS, &[("idempotency-key", "k")], BODY).await;
    assert_eq!(answer.headers["idempotency-replayed"], "true");
    let offsets = answer.json::<ProduceResponse>().offsets;
    let times: Vec<i64> = offsets.iter().map(|offset| offset.timestamp).collect();
    assert_eq!(times, [77, 5], "the sender's own time stays");
}

#[tokio::test]
async fn a_producers_numbers_are_in_its_batch() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 2);
    let headers =
        [("x-producer-id", "4000"), ("x-producer-epoch", "2"), ("x-producer-sequence", "9")];
    harness.send("POST", &format!("{RECORDS}?partition=1"), &headers, BODY).await;
    assert_eq!(last_once(&harness).unwrap().key, None);
    let stored = harness.node.batches(&topic, 1);
    let header = BatchHeader::parse(&stored[0]).unwrap();
    let numbers = (header.producer_id, header.producer_epoch, header.base_sequence);
    assert_eq!(numbers, (4_000, 2, 9));

    let mut raw = BatchBuilder::new().producer(4_000, 2, 11);
    raw.push(NewRecord { key: None, value: None, timestamp_ms: 1, headers: &[] });
    let raw = raw.build();
    let path = format!("{RECORDS}?partition=1");
    let media = ("content-type", "application/vnd.rampart.batch");
    harness.send("POST", &path, &[media], raw.clone()).await;
    assert!(last_once(&harness).is_some());
    let both = harness.send("POST", &path, &[media, ("idempotency-key", "k")], raw).await;
    both.refused(ErrorCode::InvalidRequest, "idempotent producer");
}

#[tokio::test]
async fn producers_get_ids_and_epochs() {
    let harness = Harness::new();
    let identify = async |body: &str| harness.post("/v1/producers", body.to_owned()).await;
    let identity = |producer_id, epoch| ProducerIdentity { producer_id, epoch };
    let cases = [
        ("", identity(4_000, 0)),
        (r#"{"producer_id":7,"epoch":0}"#, identity(7, 1)),
        (r#"{"producer_id":7,"epoch":32767}"#, identity(4_000, 0)),
    ];
    for (body, expected) in cases {
        assert_eq!(identify(body).await.json::<ProducerIdentity>(), expected, "{body}");
    }
    for body in [r#"{"producer_id":7}"#, r#"{"epoch":1}"#, r#"{"producer_id":-1,"epoch":0}"#] {
        identify(body).await.refused(ErrorCode::InvalidRequest, "belong together");
    }
}
