//! `X-Record-*`: what a client puts into headers is what the record has.

use axum::http::{HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What HTTP allows in the value of a header: tab, and bytes from the blank on but for DEL.
fn header_values() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(b'\t'), 0x20..0x7fu8, 0x80..=0xffu8], 0..20)
}

fn header_map(key: Option<&[u8]>, headers: &[(String, Vec<u8>)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    map.insert("content-type", HeaderValue::from_static("application/octet-stream"));
    let key = key.map(|key| (KEY.to_owned(), key));
    let headers =
        headers.iter().map(|(name, value)| (format!("X-Record-Header-{name}"), &value[..]));
    for (name, value) in key.into_iter().chain(headers) {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    map
}

proptest! {
    #[test]
    fn headers_become_those_of_the_record(
        sent_key in prop::option::of(header_values()),
        headers in vec(("[a-zA-Z0-9_.-]{1,9}", header_values()), 0..6),
    ) {
        let map = header_map(sent_key.as_deref(), &headers);
        let read_key = key(&map).unwrap();
        prop_assert_eq!(read_key.as_deref(), sent_key.as_deref());

        // HTTP makes names lower case and keeps the order of the values of one name.
        let mut read: Vec<(String, Vec<u8>)> = record_headers(&map)
            .into_iter()
            .map(|(name, value)| (name, value.unwrap().to_vec()))
            .collect();
        let mut sent: Vec<(String, Vec<u8>)> = headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        read.sort_by(|a, b| a.0.cmp(&b.0));
        sent.sort_by(|a, b| a.0.cmp(&b.0));
        prop_assert_eq!(read, sent);
    }

    #[test]
    fn two_keys_are_refused(keys in vec(header_values(), 2..4)) {
        let mut map = HeaderMap::new();
        for key in &keys {
            map.append(KEY, HeaderValue::from_bytes(key).unwrap());
        }
        prop_assert!(key(&map).is_err());
    }
}
