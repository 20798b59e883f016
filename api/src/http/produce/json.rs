//! A whole JSON body: `{"records":[…],"encoding":"json"}`. One pass finds the fields' texts, and
//! each record is decoded when it is asked for, so that memory follows the body's size.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};

use super::error::{Place, ProduceBodyError};
use super::record::{InputRecord, RawRecord, RecordLimits};
use crate::http::encoding::Encoding;
use crate::http::json_text::check_depth;
use crate::http::request::Object;
use crate::model::limits::RECORDS_PER_REQUEST_MAX;

/// The records of a JSON body, not decoded yet.
#[derive(Debug)]
pub struct JsonRecords<'a> {
    records: Vec<RawRecord<'a>>,
    encoding: Encoding,
}

impl<'a> JsonRecords<'a> {
    /// Checks syntax, shape, nesting and the number of records. The body's own `encoding` goes
    /// before `encoding`, which is the query's.
    pub fn parse(body: &'a [u8], encoding: Option<Encoding>) -> Result<Self, ProduceBodyError> {
        check_depth(body)
            .map_err(|error| ProduceBodyError::TooDeep { place: Place::Body, error })?;
        let text = str::from_utf8(body).map_err(|error| ProduceBodyError::Malformed {
            detail: format!("not UTF-8 from byte {}", error.valid_up_to()),
        })?;
        let Object(body) = serde_json::from_str::<Object<Body<'a>>>(text)
            .map_err(|error| ProduceBodyError::Malformed { detail: error.to_string() })?;
        let Records { records, count } = body.records;
        if count > records.len() {
            let max = RECORDS_PER_REQUEST_MAX;
            return Err(ProduceBodyError::TooManyRecords { count, max });
        }
        Ok(JsonRecords { records, encoding: body.encoding.or(encoding).unwrap_or_default() })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How they are encoded.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Decodes them in order; an error names the record and the field.
    pub fn decode(
        &self,
        limits: RecordLimits,
    ) -> impl ExactSizeIterator<Item = Result<InputRecord<'a>, ProduceBodyError>> + '_ {
        self.records
            .iter()
            .enumerate()
            .map(move |(index, record)| record.decode(Place::Record(index), self.encoding, &limits))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    records: Records<'a>,
    encoding: Option<Encoding>,
}

/// At most the permitted number is kept; all are counted.
struct Records<'a> {
    records: Vec<RawRecord<'a>>,
    count: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for Records<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RecordsVisitor(std::marker::PhantomData))
    }
}

struct RecordsVisitor<'a>(std::marker::PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for RecordsVisitor<'a> {
    type Value = Records<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut records = Vec::new();
        while records.len() < RECORDS_PER_REQUEST_MAX {
            let record = seq.next_element::<Object<RawRecord<'a>>>().map_err(|error| {
                // The parser finds its own line and column in the text again.
                A::Error::custom(format!("records[{}]: {error}", records.len()))
            })?;
            match record {
                Some(Object(record)) => records.push(record),
                None => {
                    return Ok(Records { count: records.len(), records });
                }
            }
        }
        let mut count = records.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Records { records, count })
    }
}
