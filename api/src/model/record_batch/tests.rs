//! Golden bytes, what every compression looks like from Kafka's side, hostile input, round trips.

use std::io::Write;

use bytes::Bytes;
use proptest::prelude::*;

use super::header::crc32c;
use super::*;
use crate::model::error_code::ErrorCode;
use crate::model::limits::BATCH_DECOMPRESSED_BYTES_MAX;
use crate::model::problem::Problem;

type Headers = Vec<(String, Option<Bytes>)>;

/// The records part of an uncompressed batch, and a header for any part that replaces it.
struct Parts {
    header: Vec<u8>,
    records: Vec<u8>,
}

impl Parts {
    fn of(batch: &[u8]) -> Self {
        let (header, records) = batch.split_at(BATCH_HEADER_BYTES);
        Parts { header: header.to_vec(), records: records.to_vec() }
    }

    /// A batch with these attributes and these bytes as its records; length and CRC are right.
    fn with(&self, attributes: i16, records: &[u8]) -> Bytes {
        let mut batch = self.header.clone();
        batch.extend_from_slice(records);
        let length = (batch.len() - 12) as i32;
        batch[8..12].copy_from_slice(&length.to_be_bytes());
        batch[21..23].copy_from_slice(&attributes.to_be_bytes());
        seal(batch)
    }
}

fn seal(mut batch: Vec<u8>) -> Bytes {
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

fn sample_batch() -> Bytes {
    let headers = vec![("h".to_string(), Some(Bytes::from_static(b"1"))), ("n".into(), None)];
    let mut builder = BatchBuilder::new().producer(7, 1, 42);
    builder.push(NewRecord {
        key: Some(b"k"),
        value: Some(b"value"),
        timestamp_ms: 1_700_000_000_000,
        headers: &headers,
    });
    builder.push(NewRecord {
        key: None,
        value: None,
        timestamp_ms: 1_700_000_000_100,
        headers: &[],
    });
    builder.build()
}

fn large_batch() -> Bytes {
    let mut builder = BatchBuilder::new();
    for n in 0..500 {
        let value = format!("{{\"n\":{n},\"text\":\"the same words again and again\"}}");
        builder.push(NewRecord {
            key: Some(b"key"),
            value: Some(value.as_bytes()),
            timestamp_ms: n,
            headers: &[],
        });
    }
    builder.build()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(plain).unwrap();
    out.finish().unwrap()
}

fn snappy_raw(plain: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(plain).unwrap()
}

fn snappy_xerial(plain: &[u8]) -> Vec<u8> {
    let mut out = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for chunk in plain.chunks(1_000) {
        let block = snappy_raw(chunk);
        out.extend_from_slice(&(block.len() as u32).to_be_bytes());
        out.extend_from_slice(&block);
    }
    out
}

fn lz4(plain: &[u8]) -> Vec<u8> {
    let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
    out.write_all(plain).unwrap();
    out.finish().unwrap()
}

fn zstd_frame(plain: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(plain, 3).unwrap()
}

#[test]
fn crc_is_castagnoli() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

/// The bytes are written out by hand from KIP-98; the CRC was computed bit by bit, below.
#[test]
fn golden_bytes() {
    #[rustfmt::skip]
    let mut golden = vec![
        0, 0, 0, 0, 0, 0, 0, 0,                         // base offset 0
        0, 0, 0, 77,                                    // length: 49 + 20 + 8
        0xff, 0xff, 0xff, 0xff,                         // leader epoch -1
        2,                                              // magic
        0, 0, 0, 0,                                     // crc, below
        0, 0,                                           // attributes
        0, 0, 0, 1,                                     // last offset delta
        0, 0, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00,       // base timestamp 1,700,000,000,000
        0, 0, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x64,       // max timestamp + 100
        0, 0, 0, 0, 0, 0, 0, 7,                         // producer id
        0, 1,                                           // producer epoch
        0, 0, 0, 42,                                    // base sequence
        0, 0, 0, 2,                                     // record count
        38, 0, 0, 0,                                    // 19 bytes, attributes, deltas 0 and 0
        2, b'k', 10, b'v', b'a', b'l', b'u', b'e',      // key, value
        4, 2, b'h', 2, b'1', 2, b'n', 1,                // two headers, the second one null
        14, 0, 0xc8, 0x01, 2, 1, 1, 0,                  // 7 bytes, +100 ms, offset +1, nulls, none
    ];
    let crc = bitwise_crc32c(&golden[21..]);
    golden[17..21].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(golden.len(), 61 + 20 + 8);
    assert_eq!(sample_batch(), golden);
}

fn bitwise_crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn builder_and_reader_agree() {
    let batch = sample_batch();
    let header = validate(&batch).unwrap();
    assert_eq!(header.size(), batch.len());
    assert_eq!(header.next_offset(), 2);
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 1, 42));
    let read = records(&batch).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].key.as_deref(), Some(&b"k"[..]));
    assert_eq!(read[0].value.as_deref(), Some(&b"value"[..]));
    assert_eq!(read[0].headers, [("h".to_string(), Some(Bytes::from("1"))), ("n".into(), None)]);
    assert_eq!((read[1].offset_delta, read[1].timestamp_ms), (1, 1_700_000_000_100));
    assert_eq!((&read[1].key, &read[1].value), (&None, &None));
    let value = read[0].value.as_ref().unwrap();
    assert!(batch.as_ptr_range().contains(&value.as_ptr()), "the value shares the batch's memory");
}

#[test]
fn size_estimate_is_the_size() {
    let mut builder = BatchBuilder::new();
    assert!(builder.is_empty());
    for n in 0..10 {
        builder.push(NewRecord { key: None, value: Some(b"x"), timestamp_ms: n, headers: &[] });
    }
    assert_eq!(builder.len(), 10);
    let estimate = builder.size_estimate();
    assert_eq!(builder.build().len(), estimate);
}

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

#[test]
fn what_the_builder_compresses_reads_back() {
    // More than one block of each form.
    let value = |n: usize| format!("{n} {}", "the same words again and again ".repeat(8));
    let limits = WalkLimits { plain_bytes_max: 1 << 20, record_bytes_max: 1 << 10 };
    let build = |codec| {
        let mut builder = BatchBuilder::new().compression(codec).producer(7, 1, 42);
        for n in 0..500 {
            let value = value(n);
            let value = Some(value.as_bytes());
            builder.push(NewRecord { key: Some(b"k"), value, timestamp_ms: 5, headers: &[] });
        }
        builder.build()
    };
    let plain = build(Compression::None);
    for codec in CODECS {
        let batch = build(codec);
        let header = validate(&batch).unwrap();
        assert_eq!((header.compression().unwrap(), header.base_sequence), (codec, 42));
        assert_eq!(records(&batch).unwrap(), records(&plain).unwrap(), "{codec:?}");
        walk(&batch, limits).unwrap();
        let is_smaller = batch.len() < plain.len() / 4;
        assert_eq!(is_smaller, codec != Compression::None, "{codec:?}: {} bytes", batch.len());
    }
}

#[test]
fn what_compression_makes_larger_stays_as_it_is() {
    for codec in CODECS {
        let mut builder = BatchBuilder::new().compression(codec);
        builder.push(NewRecord { key: None, value: Some(b"x"), timestamp_ms: 5, headers: &[] });
        let estimate = builder.size_estimate();
        let batch = builder.build();
        assert_eq!(validate(&batch).unwrap().compression(), Ok(Compression::None));
        assert_eq!((batch.len(), records(&batch).unwrap().len()), (estimate, 1), "{codec:?}");
    }
}

#[test]
fn another_producer_is_sealed_in() {
    let mut batch = sample_batch().to_vec();
    stamp_producer(&mut batch, 9, 3, 1_000);
    let header = validate(&batch).unwrap();
    let found = (header.producer_id, header.producer_epoch, header.base_sequence);
    assert_eq!(found, (9, 3, 1_000));
    assert_eq!(records(&batch.into()), records(&sample_batch()));
}

#[test]
fn patch_keeps_the_crc_valid() {
    let mut batch = sample_batch().to_vec();
    patch(&mut batch, 1_000, 5);
    let header = validate(&batch).unwrap();
    assert_eq!((header.base_offset, header.leader_epoch, header.next_offset()), (1_000, 5, 1_002));
}

#[test]
fn split_cuts_batches_apart_and_shares_memory() {
    let (a, b) = (sample_batch(), large_batch());
    let both = Bytes::from([&a[..], &b[..]].concat());
    let batches = split(&both).unwrap();
    assert_eq!(batches.iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), [&a, &b]);
    assert!(both.as_ptr_range().contains(&batches[1].1.as_ptr()));
    assert!(split(&Bytes::new()).unwrap().is_empty());
    let cut = both.slice(..both.len() - 1);
    assert!(matches!(split(&cut), Err(BatchError::Truncated { .. })));
    let cut = both.slice(..a.len() + 10);
    assert_eq!(split(&cut), Err(BatchError::Truncated { need: 61, have: 10 }));
}

#[test]
fn every_compression_reads_back() {
    let plain = large_batch();
    let expected = records(&plain).unwrap();
    assert_eq!(expected.len(), 500);
    let parts = Parts::of(&plain);
    let bodies = [
        (1, gzip(&parts.records)),
        (2, snappy_raw(&parts.records)),
        (2, snappy_xerial(&parts.records)),
        (3, lz4(&parts.records)),
        (4, zstd_frame(&parts.records)),
    ];
    for (attributes, body) in bodies {
        let batch = parts.with(attributes, &body);
        assert_ne!(validate(&batch).unwrap().compression(), Ok(Compression::None));
        assert!(batch.len() < plain.len() / 2, "it was compressed");
        assert_eq!(records(&batch).unwrap(), expected, "compression {attributes}");
    }
}

#[test]
fn damaged_compressed_data_is_an_error() {
    let plain = large_batch();
    let parts = Parts::of(&plain);
    let bodies = [
        (1, gzip(&parts.records)),
        (2, snappy_raw(&parts.records)),
        (2, snappy_xerial(&parts.records)),
        (3, lz4(&parts.records)),
        (4, zstd_frame(&parts.records)),
    ];
    for (attributes, body) in bodies {
        for cut in [0, 1, 5, 17, body.len() / 2, body.len() - 9] {
            let batch = parts.with(attributes, &body[..cut]);
            assert!(records(&batch).is_err(), "compression {attributes} cut at {cut}");
        }
        // LZ4 does not miss its end mark; then at least nothing else is read.
        if let Ok(read) = records(&parts.with(attributes, &body[..body.len() - 1])) {
            assert_eq!((attributes, read), (3, records(&plain).unwrap()));
        }
    }
    assert_eq!(
        validate(&parts.with(5, &parts.records)),
        Err(BatchError::BadCompression { code: 5 })
    );
}

#[test]
fn decompression_is_bounded() {
    let parts = Parts::of(&sample_batch());
    let bomb = vec![0u8; BATCH_DECOMPRESSED_BYTES_MAX + 1];
    let bodies = [
        (1, gzip(&bomb)),
        (2, snappy_raw(&bomb)),
        (2, snappy_xerial(&bomb)),
        (3, lz4(&bomb)),
        (4, zstd_frame(&bomb)),
    ];
    let limit = BATCH_DECOMPRESSED_BYTES_MAX;
    for (attributes, body) in bodies {
        let batch = parts.with(attributes, &body);
        let refused = records(&batch).unwrap_err();
        assert_eq!(refused, BatchError::TooLarge { limit }, "compression {attributes}");
    }
}

#[test]
fn a_walk_finds_the_same_in_every_compression() {
    let sample = sample_batch();
    let parts = Parts::of(&sample);
    let limits = WalkLimits { plain_bytes_max: parts.records.len(), record_bytes_max: 1_000 };
    let walked = walk(&sample, limits).unwrap();
    assert_eq!(walked.plain_bytes, parts.records.len());
    let times = records(&sample).unwrap();
    let latest = times.iter().map(|record| record.timestamp_ms).max().unwrap();
    assert_eq!(walked.max_timestamp, latest);
    let bodies = [
        (1, gzip(&parts.records)),
        (2, snappy_raw(&parts.records)),
        (2, snappy_xerial(&parts.records)),
        (3, lz4(&parts.records)),
        (4, zstd_frame(&parts.records)),
    ];
    for (attributes, body) in bodies {
        let batch = parts.with(attributes, &body);
        assert_eq!(walk(&batch, limits), Ok(walked), "compression {attributes}");
        let tight = WalkLimits { plain_bytes_max: walked.plain_bytes - 1, ..limits };
        let limit = tight.plain_bytes_max;
        assert_eq!(walk(&batch, tight), Err(BatchError::TooLarge { limit }), "{attributes}");
        let small = WalkLimits { record_bytes_max: 5, ..limits };
        assert!(matches!(walk(&batch, small), Err(BatchError::RecordTooLarge { index: 0, .. })));
    }
}

#[test]
fn a_walk_refuses_what_could_not_be_read() {
    let sample = sample_batch();
    let parts = Parts::of(&sample);
    let limits = WalkLimits { plain_bytes_max: 1 << 20, record_bytes_max: 1 << 10 };
    let longer = [&parts.records[..], &[0]].concat();
    let cut = &parts.records[..parts.records.len() - 1];
    for broken in [&longer[..], cut, &[], &[0xee; 40]] {
        let batch = parts.with(0, broken);
        assert!(matches!(walk(&batch, limits), Err(BatchError::BadRecord { .. })), "{broken:?}");
    }
    let mut claims = sample.to_vec();
    claims[35..43].copy_from_slice(&i64::MAX.to_be_bytes());
    let refused = walk(&seal(claims), limits).unwrap_err();
    assert!(matches!(refused, BatchError::BadMaxTimestamp { claimed: i64::MAX, .. }), "{refused}");
}

#[test]
fn the_time_of_the_log_is_sealed_in() {
    let mut batch = sample_batch().to_vec();
    stamp_log_append_time(&mut batch, 77);
    let header = validate(&batch).unwrap();
    assert_eq!((header.is_log_append_time(), header.max_timestamp), (true, 77));
    assert!(records(&batch.into()).unwrap().iter().all(|record| record.timestamp_ms == 77));
}

#[test]
fn snappy_claims_are_not_believed() {
    let parts = Parts::of(&sample_batch());
    // A varint that claims 60 MiB, and nothing behind it.
    let error = records(&parts.with(2, &[0x80, 0x80, 0x80, 0x1e])).unwrap_err();
    assert!(matches!(error, BatchError::Decompress { codec: "snappy", .. }), "{error}");
}

#[test]
fn broken_batches_are_refused_with_a_reason() {
    let good = sample_batch();
    let edit = |from: usize, bytes: &[u8]| {
        let mut batch = good.to_vec();
        batch[from..from + bytes.len()].copy_from_slice(bytes);
        batch
    };
    let sealed = |from: usize, bytes: &[u8]| validate(&seal(edit(from, bytes))).unwrap_err();
    let need = good.len();
    assert_eq!(validate(&good[..60]), Err(BatchError::Truncated { need: 61, have: 60 }));
    let short = validate(&good[..need - 1]);
    assert_eq!(short, Err(BatchError::Truncated { need, have: need - 1 }));
    let longer = [&good[..], &[0]].concat();
    assert_eq!(validate(&longer), Err(BatchError::LeftOver { left: 1 }));
    assert_eq!(validate(&edit(16, &[1])), Err(BatchError::BadMagic { magic: 1 }));
    assert!(matches!(validate(&edit(30, &[9])), Err(BatchError::BadCrc { .. })));
    for length in [-1i32, 0, 48, i32::MIN] {
        let refused = validate(&edit(8, &length.to_be_bytes()));
        assert_eq!(refused, Err(BatchError::BadLength { length }));
    }
    for count in [-1i32, 0, 1, 3, i32::MAX] {
        assert!(matches!(sealed(57, &count.to_be_bytes()), BatchError::BadCount { .. }), "{count}");
    }
    for delta in [-1i32, 0, 2, i32::MAX] {
        assert!(matches!(sealed(23, &delta.to_be_bytes()), BatchError::BadCount { .. }), "{delta}");
    }
    let problem = Problem::from(BatchError::BadMagic { magic: 1 });
    assert_eq!(problem.code, ErrorCode::CorruptBatch);
}

#[test]
fn counts_that_agree_but_do_not_fit_are_refused() {
    let mut batch = sample_batch().to_vec();
    batch[23..27].copy_from_slice(&(i32::MAX - 1).to_be_bytes());
    batch[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    let batch = seal(batch);
    assert!(matches!(validate(&batch), Err(BatchError::BadCount { .. })));
    assert!(records(&batch).is_err(), "and reading it ends with the bytes");
}

#[test]
fn empty_batch_is_refused() {
    assert!(matches!(validate(&BatchBuilder::new().build()), Err(BatchError::BadCount { .. })));
}

#[test]
fn control_batches_have_no_records() {
    let parts = Parts::of(&sample_batch());
    let batch = parts.with(1 << 5 | 1 << 4, &parts.records);
    assert!(validate(&batch).unwrap().is_control());
    assert!(validate(&batch).unwrap().is_transactional());
    assert!(records(&batch).unwrap().is_empty());
}

#[test]
fn log_append_time_is_the_time_of_all_records() {
    let parts = Parts::of(&sample_batch());
    let batch = parts.with(1 << 3, &parts.records);
    let times: Vec<_> = records(&batch).unwrap().iter().map(|r| r.timestamp_ms).collect();
    assert_eq!(times, [1_700_000_000_100; 2]);
}

#[test]
fn malformed_records_are_named() {
    let parts = Parts::of(&sample_batch());
    let first = &parts.records[..20];
    let cases: [(&[u8], &str); 9] = [
        (&[14, 0, 0, 0, 1, 1, 0], "length points past"),
        (&[1, 0, 0, 0, 1, 1, 0], "length is negative"),
        (&[14, 0, 0, 0, 1, 1, 0, 0], "offset is out of order"),
        (&[14, 0, 0, 4, 1, 1, 0, 0], "offset is out of order"),
        (&[14, 0, 0, 2, 1, 1, 1, 0], "header count is negative"),
        (&[14, 0, 0, 2, 1, 1, 100, 0], "header count is larger"),
        (&[14, 0, 0, 2, 100, 1, 0, 0], "length points past"),
        (&[14, 0, 0, 2, 1, 1, 0, 0], "left over after its last field"),
        (&[12, 0, 0, 2, 1, 1, 0, 0], "left over after the last record"),
    ];
    for (second, expected) in cases {
        let error = records(&parts.with(0, &[first, second].concat())).unwrap_err();
        assert!(matches!(error, BatchError::BadRecord { index: 1, .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}, expected {expected}");
    }
}

#[test]
fn offsets_do_not_overflow() {
    let mut batch = sample_batch().to_vec();
    patch(&mut batch, i64::MAX, -1);
    assert_eq!(BatchHeader::parse(&batch).unwrap().next_offset(), i64::MAX);
}

type Row = (Option<Vec<u8>>, Option<Vec<u8>>, i64, Vec<(String, Option<Vec<u8>>)>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let bytes = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200));
    let header = (".{0,8}", proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)));
    let headers = proptest::collection::vec(header, 0..4);
    proptest::collection::vec((bytes(), bytes(), any::<i64>(), headers), 1..20)
}

fn build(rows: &[Row]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for (key, value, timestamp_ms, headers) in rows {
        let headers: Headers =
            headers.iter().map(|(n, v)| (n.clone(), v.clone().map(Bytes::from))).collect();
        builder.push(NewRecord {
            key: key.as_deref(),
            value: value.as_deref(),
            timestamp_ms: *timestamp_ms,
            headers: &headers,
        });
    }
    builder.build()
}

fn compress(code: i16, plain: &[u8]) -> Vec<u8> {
    match code {
        1 => gzip(plain),
        2 if plain.len().is_multiple_of(2) => snappy_raw(plain),
        2 => snappy_xerial(plain),
        3 => lz4(plain),
        4 => zstd_frame(plain),
        _ => plain.to_vec(),
    }
}

proptest! {
    #[test]
    fn round_trip(rows in rows(), code in 0i16..5) {
        let batch = build(&rows);
        let parts = Parts::of(&batch);
        let batch = parts.with(code, &compress(code, &parts.records));
        let header = validate(&batch).unwrap();
        prop_assert_eq!(header.record_count as usize, rows.len());
        prop_assert_eq!(header.max_timestamp, rows.iter().map(|row| row.2).max().unwrap());
        for (i, (record, row)) in records(&batch).unwrap().iter().zip(&rows).enumerate() {
            prop_assert_eq!(record.offset_delta as usize, i);
            prop_assert_eq!(record.key.as_deref(), row.0.as_deref());
            prop_assert_eq!(record.value.as_deref(), row.1.as_deref());
            prop_assert_eq!(record.timestamp_ms, row.2);
            let headers: Headers =
                row.3.iter().map(|(n, v)| (n.clone(), v.clone().map(Bytes::from))).collect();
            prop_assert_eq!(&record.headers, &headers);
        }
    }

    /// Any change that the CRC covers is found, and whatever is found, nothing panics.
    #[test]
    fn mutated_bytes_never_panic(
        rows in rows(),
        code in 0i16..8,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..6),
        reseal: bool,
    ) {
        let parts = Parts::of(&build(&rows));
        let good = parts.with(code, &compress(code, &parts.records));
        let mut bad = good.to_vec();
        for (at, bits) in flips {
            let at = at.index(bad.len());
            bad[at] ^= bits;
        }
        if reseal {
            bad = seal(bad).to_vec();
        } else if bad[17..] != good[17..] {
            prop_assert!(validate(&bad).is_err());
        }
        let bad = Bytes::from(bad);
        let _ = split(&bad);
        let read = records(&bad);
        let limits = WalkLimits { plain_bytes_max: 1 << 20, record_bytes_max: 1 << 10 };
        if validate(&bad).is_ok() && walk(&bad, limits).is_ok() {
            prop_assert!(read.is_ok(), "what is taken can be read: {:?}", read);
        }
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = bytes;
        if bytes.len() > 16 {
            bytes[16] = 2;
        }
        let bytes = Bytes::from(bytes);
        let _ = validate(&bytes);
        let _ = split(&bytes);
        let _ = records(&bytes);
    }

    #[test]
    fn noise_as_compressed_records_never_panics(
        code in 0i16..8,
        prefix in 0usize..5,
        noise in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let prefixes: [&[u8]; 5] =
            [b"", b"\x1f\x8b\x08", b"\x82SNAPPY\0", b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd"];
        let parts = Parts::of(&sample_batch());
        let _ = records(&parts.with(code, &[prefixes[prefix], &noise].concat()));
    }
}
