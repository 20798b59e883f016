//! `/v1/topics/{t}/dead-letter`: the switch of a topic, or of one of its groups, and the records that
//! were given up.

use reqwest::Method;

use super::topics::topic_path;
use super::transport::Request;
use super::{Client, ClientError};
use crate::http::dead_letter::{
    DeadLetterDescription, SetDeadLetterRequest, SetDeadLetterResponse,
};
use crate::http::dead_letter_records::{
    DeadLetterFilter, DeadLetterRecords, PurgeRequest, PurgeResponse, RedriveRequest,
    RedriveResponse,
};
use crate::http::encoding::Encoding;

const PATH: &str = "/dead-letter";

/// Which dead records to show, and how.
#[derive(Debug, Clone, Default)]
pub struct PeekOptions {
    /// Those that are meant.
    pub filter: DeadLetterFilter,
    /// Records at most; 100 unless given.
    pub max_records: Option<u64>,
    /// The `next_cursor` of the answer before.
    pub cursor: Option<String>,
    /// How keys and values are written in the answer.
    pub encoding: Option<Encoding>,
}

impl Client {
    /// `GET /v1/topics/{t}/dead-letter`.
    pub async fn dead_letter(
        &self,
        topic: &str,
        group: Option<&str>,
    ) -> Result<DeadLetterDescription, ClientError> {
        self.ask(Request::get(topic_path(topic, PATH)?).query("group", group)).await
    }

    /// `PUT /v1/topics/{t}/dead-letter`: replaces the switch.
    pub async fn set_dead_letter(
        &self,
        topic: &str,
        group: Option<&str>,
        switch: &SetDeadLetterRequest,
    ) -> Result<SetDeadLetterResponse, ClientError> {
        let request = Request::new(Method::PUT, topic_path(topic, PATH)?);
        self.ask(request.query("group", group).json(switch)).await
    }

    /// `GET /v1/topics/{t}/dead-letter/records`: what a group gave up.
    pub async fn dead_letters(
        &self,
        topic: &str,
        group: &str,
        options: &PeekOptions,
    ) -> Result<DeadLetterRecords, ClientError> {
        let PeekOptions { filter, max_records, cursor, encoding } = options;
        let request = Request::get(topic_path(topic, "/dead-letter/records")?)
            .query("group", Some(group))
            .query("partition", filter.partition)
            .query("offset", filter.offset)
            .query("error", filter.error.as_deref())
            .query("key", filter.key.as_deref())
            .query("contains", filter.contains.as_deref())
            .query("max_records", *max_records)
            .query("cursor", cursor.as_deref())
            .query("encoding", *encoding);
        self.ask(request).await
    }

    /// `POST /v1/topics/{t}/dead-letter:redrive`: one slice; go on with `next_cursor`. Asked again
    /// after its answer was lost it brings nothing back twice.
    pub async fn redrive(
        &self,
        topic: &str,
        request: &RedriveRequest,
    ) -> Result<RedriveResponse, ClientError> {
        self.ask(Request::post(topic_path(topic, "/dead-letter:redrive")?).json(request)).await
    }

    /// `POST /v1/topics/{t}/dead-letter:purge`: one slice; go on with `next_cursor`.
    pub async fn purge_dead_letters(
        &self,
        topic: &str,
        request: &PurgeRequest,
    ) -> Result<PurgeResponse, ClientError> {
        self.ask(Request::post(topic_path(topic, "/dead-letter:purge")?).json(request)).await
    }
}
