//! `consume -g`: reads as a member of a group. A record is printed, then acknowledged: what was not
//! acknowledged when the program ends is delivered again.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use rampart_api::client::Client;
use rampart_api::http::encoding::Encoding;
use rampart_api::http::fetch::{FetchedRecord, RecordPosition};
use rampart_api::http::groups::{AckRequest, PollRequest, StartAt};
use rampart_api::model::record_batch::Record;

use super::template::Template;
use crate::cli::failure::Failure;
use crate::cli::output::say_error;

/// How long one poll waits for a record.
const WAIT: Duration = Duration::from_secs(5);
/// Without `--follow` the group is at the end when a poll finds nothing for so long.
const END_WAIT: Duration = Duration::from_secs(2);
const RECORDS_PER_POLL: u64 = 500;

/// A member of a group that prints what it gets.
#[derive(Debug)]
pub(super) struct GroupReader {
    pub(super) client: Client,
    pub(super) group: String,
    pub(super) topic: String,
    pub(super) template: Template,
    pub(super) start: StartAt,
    /// Stop after so many records.
    pub(super) count: Option<u64>,
    /// Go on at the end.
    pub(super) is_following: bool,
}

impl GroupReader {
    /// Reads until the end, the count, or an interrupt; then leaves the group.
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let mut member = String::new();
        let done = tokio::select! {
            done = Box::pin(self.read(&mut member)) => done,
            _ = tokio::signal::ctrl_c() => Ok(()),
        };
        if !member.is_empty() {
            // The session runs out by itself.
            let _ = self.client.leave_group(&self.group, &member).await;
        }
        done
    }

    async fn read(&self, member: &mut String) -> Result<(), Failure> {
        let mut left = self.count.unwrap_or(u64::MAX);
        let goes_on = self.is_following || self.count.is_some();
        while left > 0 {
            let wait = if goes_on { WAIT } else { END_WAIT };
            let request = PollRequest {
                member: member.clone(),
                topics: vec![self.topic.clone()],
                start: self.start,
                max_records: Some(RECORDS_PER_POLL.min(left)),
                wait_ms: Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
                client_id: "rampart-consume".to_owned(),
                encoding: Some(Encoding::Base64),
                ..PollRequest::default()
            };
            let polled = self.client.poll(&self.group, &request).await?;
            member.clone_from(&polled.member);
            if polled.records.is_empty() && !goes_on {
                return Ok(());
            }
            let mut out = Vec::new();
            let mut ack = Vec::with_capacity(polled.records.len());
            for record in polled.records {
                ack.push(record.ack_token.clone());
                self.print(&mut out, &record.into_record())?;
            }
            {
                let mut output = std::io::stdout().lock();
                output.write_all(&out)?;
                output.flush()?;
            }
            left = left.saturating_sub(ack.len() as u64);
            if !ack.is_empty() {
                self.ack(member, ack).await?;
            }
        }
        Ok(())
    }

    async fn ack(&self, member: &str, ack: Vec<String>) -> Result<(), Failure> {
        let request = AckRequest { member: member.to_owned(), ack, ..AckRequest::default() };
        let answer = self.client.ack(&self.group, &request).await?;
        let refused = answer.results.iter().filter(|result| result.result.is_none());
        if let Some(first) = refused.clone().next() {
            let (count, why) = (refused.count(), first.detail.as_deref().unwrap_or_default());
            say_error(format_args!("{count} records come again: {why}"));
        }
        Ok(())
    }

    fn print(&self, out: &mut Vec<u8>, fetched: &FetchedRecord) -> Result<(), Failure> {
        let broken = |error| Failure::new(format!("the server's answer: {error}"));
        let bytes = |bytes: Option<Vec<u8>>| bytes.map(Bytes::from);
        let headers = fetched.header_bytes(Encoding::Base64).map_err(broken)?;
        let record = Record {
            offset_delta: 0,
            timestamp_ms: fetched.timestamp,
            key: bytes(fetched.key_bytes(Encoding::Base64).map_err(broken)?),
            value: bytes(fetched.value_bytes(Encoding::Base64).map_err(broken)?),
            headers: headers.into_iter().map(|(name, value)| (name, bytes(value))).collect(),
        };
        let (topic, partition, offset) =
            (fetched.topic.as_str(), fetched.partition, fetched.offset);
        self.template.write(out, RecordPosition { topic, partition, offset }, &record);
        Ok(())
    }
}
