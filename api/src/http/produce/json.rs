//! A whole JSON body: `{"records":[…],"encoding":"json"}`. One pass finds the fields' texts, and
//! each record is decoded when it is asked for, so that memory follows the body's size.

use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::error::{Place, ProduceBodyError};
use super::record::{InputRecord, RawRecord, RecordLimits};
use crate::http::encoding::Encoding;
use crate::http::json_text::check_depth;
use crate::http::request::Object;

/// The records of a JSON body, not decoded yet.
#[derive(Debug)]
pub struct JsonRecords<'a> {
    records: Vec<RawRecord<'a>>,
    encoding: Encoding,
}

impl<'a> JsonRecords<'a> {
    /// Checks syntax, shape, nesting and the number of records. The body's own `encoding` goes
    /// before `encoding`, which is the query's. No more than `records_max` are kept.
    pub fn parse(
        body: &'a [u8],
        encoding: Option<Encoding>,
        records_max: usize,
    ) -> Result<Self, ProduceBodyError> {
        check_depth(body)
            .map_err(|error| ProduceBodyError::TooDeep { place: Place::Body, error })?;
        let text = str::from_utf8(body).map_err(|error| ProduceBodyError::Malformed {
            detail: format!("not UTF-8 from byte {}", error.valid_up_to()),
        })?;
        let mut parser = serde_json::Deserializer::from_str(text);
        let body = BodySeed { records_max }
            .deserialize(&mut parser)
            .and_then(|body| parser.end().map(|()| body))
            .map_err(|error| ProduceBodyError::Malformed { detail: error.to_string() })?;
        let Records { records, count } = body.records;
        if count > records.len() {
            return Err(ProduceBodyError::TooManyRecords { count, max: records_max });
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

struct Body<'a> {
    records: Records<'a>,
    encoding: Option<Encoding>,
}

/// At most the permitted number is kept; all are counted.
struct Records<'a> {
    records: Vec<RawRecord<'a>>,
    count: usize,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Records,
    Encoding,
}

/// Reads a body's object; written out because the limit has to get to the list.
struct BodySeed {
    records_max: usize,
}

impl<'de> DeserializeSeed<'de> for BodySeed {
    type Value = Body<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Body<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for BodySeed {
    type Value = Body<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body<'de>, A::Error> {
        let (mut records, mut encoding) = (None, None);
        while let Some(key) = map.next_key()? {
            match key {
                Key::Records if records.is_some() => {
                    return Err(A::Error::duplicate_field("records"));
                }
                Key::Records => records = Some(map.next_value_seed(RecordsSeed(self.records_max))?),
                Key::Encoding if encoding.is_some() => {
                    return Err(A::Error::duplicate_field("encoding"));
                }
                Key::Encoding => encoding = Some(map.next_value::<Option<Encoding>>()?),
            }
        }
        let records = records.ok_or_else(|| A::Error::missing_field("records"))?;
        Ok(Body { records, encoding: encoding.flatten() })
    }
}

/// Reads the list; keeps no more than so many.
struct RecordsSeed(usize);

impl<'de> DeserializeSeed<'de> for RecordsSeed {
    type Value = Records<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Records<'de>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RecordsSeed {
    type Value = Records<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Records<'de>, A::Error> {
        let mut records = Vec::new();
        while records.len() < self.0 {
            let record = seq.next_element::<Object<RawRecord<'de>>>().map_err(|error| {
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
