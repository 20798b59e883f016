//! `[pure]` Stored batches to the records that were asked for.

use bytes::Bytes;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use rampart_api::model::problem::Problem;
use rampart_api::model::record_batch::{BatchError, BatchHeader, Compression, Record, read};

/// The records of an answer, and where the next one goes on.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) records: Vec<(Offset, Record)>,
    pub(crate) next: Offset,
    /// Keys, values and headers together.
    pub(crate) bytes: usize,
}

/// Reads the records at and above `from`: at most so many, and about so many bytes but one at least.
/// Stored batches come as they were written, so the first may start below `from`.
pub(crate) fn page(
    batches: &[Bytes],
    from: Offset,
    max_records: usize,
    max_bytes: usize,
) -> Result<Page, Problem> {
    let mut page = Page { next: from, ..Page::default() };
    for batch in batches {
        let header = BatchHeader::parse(batch).map_err(|error| damaged(error, from, page.next))?;
        let base = base_offset(&header);
        let batch_next = Offset(base + span(&header));
        let damaged = |error| damaged(error, Offset(base), batch_next);
        let reader = match read(batch) {
            // What was read before it is given; the next read begins with it.
            Err(_) if !page.records.is_empty() => return Ok(page),
            reader => reader.map_err(damaged)?,
        };
        let is_compressed = !matches!(header.compression(), Ok(Compression::None));
        for record in reader {
            let record = match record {
                Err(_) if !page.records.is_empty() => return Ok(page),
                record => record.map_err(damaged)?,
            };
            let offset = Offset(base + u64::from(record.offset_delta.unsigned_abs()));
            if offset < from {
                continue;
            }
            let bytes = page.bytes + size(&record);
            let is_enough = page.records.len() >= max_records || bytes > max_bytes;
            if is_enough && !page.records.is_empty() {
                return Ok(page);
            }
            page.next = Offset(offset.0 + 1);
            page.bytes = bytes;
            page.records.push((offset, if is_compressed { detached(record) } else { record }));
        }
        // Control batches have no records for clients, but positions.
        page.next = page.next.max(batch_next);
    }
    Ok(page)
}

/// Whole batches with about `max_records` records at and above `from`, and the next offset.
pub(crate) fn whole_batches(
    batches: Vec<Bytes>,
    from: Offset,
    max_records: usize,
) -> Result<(Vec<Bytes>, Offset), Problem> {
    let mut taken = Vec::with_capacity(batches.len());
    let mut next = from;
    for batch in batches {
        if next.0 - from.0 >= max_records as u64 {
            break;
        }
        let header = BatchHeader::parse(&batch).map_err(|error| damaged(error, from, next))?;
        next = next.max(Offset(base_offset(&header) + span(&header)));
        taken.push(batch);
    }
    Ok((taken, next))
}

fn base_offset(header: &BatchHeader) -> u64 {
    header.base_offset.unsigned_abs()
}

fn span(header: &BatchHeader) -> u64 {
    u64::from(header.last_offset_delta.unsigned_abs()) + 1
}

fn size(record: &Record) -> usize {
    let length = |part: &Option<Bytes>| part.as_ref().map_or(0, Bytes::len);
    let headers: usize =
        record.headers.iter().map(|(name, value)| name.len() + length(value)).sum();
    length(&record.key) + length(&record.value) + headers
}

/// A copy of its own: a slice would keep all that came out of the batch in memory.
fn detached(record: Record) -> Record {
    let copy = |part: Option<Bytes>| part.map(|part| Bytes::copy_from_slice(&part));
    let headers = record.headers.into_iter().map(|(name, value)| (name, copy(value)));
    Record {
        key: copy(record.key),
        value: copy(record.value),
        headers: headers.collect(),
        ..record
    }
}

/// Not the reader's fault: what is taken was looked through, so this was stored before that was
/// done, or its bytes have changed since.
#[allow(clippy::needless_pass_by_value)] // It is what map_err hands over.
fn damaged(error: BatchError, first: Offset, next: Offset) -> Problem {
    let detail = format!("the stored batch at offset {first} can't be read: {error}");
    Problem::new(ErrorCode::DamagedBatch, detail).hint(format!(
        "go on at offset {next}; read it raw with Accept: application/vnd.rampart.batch"
    ))
}

#[cfg(test)]
mod tests {
    use rampart_api::model::record_batch::{BatchBuilder, NewRecord, patch};

    use super::*;

    fn batch(base: i64, values: &[&str]) -> Bytes {
        let mut builder = BatchBuilder::new();
        for value in values {
            let value = Some(value.as_bytes());
            builder.push(NewRecord { key: None, value, timestamp_ms: 1, headers: &[] });
        }
        let mut bytes = builder.build().to_vec();
        patch(&mut bytes, base, 1);
        Bytes::from(bytes)
    }

    #[test]
    fn only_what_was_asked_for_is_given() {
        let batches = [batch(10, &["a", "b", "c"]), batch(13, &["d", "e"])];
        // (from, max records, max bytes) → offsets, next
        let cases: &[(u64, usize, usize, &[u64], u64)] = &[
            (10, 10, 100, &[10, 11, 12, 13, 14], 15),
            (12, 10, 100, &[12, 13, 14], 15),
            (11, 2, 100, &[11, 12], 13),
            (11, 3, 100, &[11, 12, 13], 14),
            (10, 10, 2, &[10, 11], 12),
            (10, 10, 0, &[10], 11),
            (14, 1, 100, &[14], 15),
        ];
        for &(from, max_records, max_bytes, offsets, next) in cases {
            let page = page(&batches, Offset(from), max_records, max_bytes).unwrap();
            let found: Vec<_> = page.records.iter().map(|(offset, _)| offset.0).collect();
            assert_eq!((found.as_slice(), page.next.0), (offsets, next), "{from} {max_records}");
        }
    }

    #[test]
    fn damage_is_named_with_the_offset_after_it_and_hides_nothing_else() {
        let mut broken = batch(13, &["d", "e"]).to_vec();
        broken[61] = 0x7e; // The first record claims more bytes than there are.
        let batches = [batch(10, &["a", "b", "c"]), Bytes::from(broken), batch(15, &["f"])];
        let before = page(&batches, Offset(11), 10, 100).unwrap();
        assert_eq!((before.records.len(), before.next), (2, Offset(13)));
        let problem = page(&batches[1..], before.next, 10, 100).unwrap_err();
        assert_eq!((problem.code, problem.code.retriable()), (ErrorCode::DamagedBatch, false));
        assert!(problem.hint.as_ref().unwrap().contains("go on at offset 15"), "{problem}");
        let after = page(&batches[2..], Offset(15), 10, 100).unwrap();
        assert_eq!((after.records.len(), after.next), (1, Offset(16)));
    }

    #[test]
    fn nothing_leads_nowhere() {
        let empty = page(&[], Offset(7), 10, 10).unwrap();
        assert_eq!((empty.records.len(), empty.next), (0, Offset(7)));
    }

    #[test]
    fn raw_batches_stay_whole() {
        let batches = vec![batch(10, &["a", "b", "c"]), batch(13, &["d", "e"])];
        let (taken, next) = whole_batches(batches.clone(), Offset(11), 2).unwrap();
        assert_eq!((taken.len(), next), (1, Offset(13)));
        let (taken, next) = whole_batches(batches, Offset(11), 500).unwrap();
        assert_eq!((taken.len(), next), (2, Offset(15)));
    }
}
