//! What is sent, and where it landed.

use std::sync::Arc;

use bytes::Bytes;

/// A record to be sent. Its bytes are shared, so a clone costs next to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition; by key, or whichever has its turn, if `None`.
    pub partition: Option<u32>,
    /// Records with the same key go to the same partition.
    pub key: Option<Bytes>,
    /// `None` is a tombstone.
    pub value: Option<Bytes>,
    /// In order; names may repeat.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// Milliseconds since 1970; the time of `send` if `None`.
    pub timestamp_ms: Option<i64>,
}

impl Record {
    /// A record without anything but its topic.
    pub fn to(topic: impl Into<Arc<str>>) -> Self {
        Record {
            topic: topic.into(),
            partition: None,
            key: None,
            value: None,
            headers: Vec::new(),
            timestamp_ms: None,
        }
    }

    /// Gives it a key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Gives it a value.
    #[must_use]
    pub fn value(mut self, value: impl Into<Bytes>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Sends it to this partition.
    #[must_use]
    pub fn partition(mut self, partition: u32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// Gives it a time, in milliseconds since 1970.
    #[must_use]
    pub fn timestamp_ms(mut self, timestamp_ms: i64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }

    /// Its size, as the cluster counts it: key, value and headers, two bytes more for each header.
    pub fn size_bytes(&self) -> usize {
        let bytes = |field: &Option<Bytes>| field.as_ref().map_or(0, Bytes::len);
        let header = |(name, value): &(String, Option<Bytes>)| name.len() + 2 + bytes(value);
        let headers: usize = self.headers.iter().map(header).sum();
        bytes(&self.key) + bytes(&self.value) + headers
    }
}

/// Where a record landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordMetadata {
    /// Partition.
    pub partition: u32,
    /// Position in it. `None` where nobody acknowledges (ack 0), and where a repetition was told
    /// only that the record is there.
    pub offset: Option<u64>,
    /// Milliseconds since 1970, as stored.
    pub timestamp_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_is_counted_as_the_cluster_does() {
        let record = Record::to("t").key("abc").value("de").header("n", "v").header("mm", "");
        assert_eq!(record.size_bytes(), 3 + 2 + (1 + 2 + 1) + (2 + 2));
        assert_eq!(Record::to("t").size_bytes(), 0);
    }
}
