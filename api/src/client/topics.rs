//! `/v1/topics…`: everything about topics but their records.

use reqwest::Method;

use super::transport::Request;
use super::{Client, ClientError};
use crate::http::topics::{
    AddPartitionsRequest, AlterTopicRequest, CreateTopicRequest, CreateTopicResponse,
    ListTopicsResponse, MetadataChanged, TopicDescription, TruncatePartition, TruncateRequest,
    TruncateResponse,
};
use crate::model::topic_config::validate_topic_name;

/// The path of a topic. Refuses names that no topic can have, which are also those that would
/// mean something else in a path.
pub(super) fn topic_path(topic: &str, rest: &str) -> Result<String, ClientError> {
    validate_topic_name(topic)?;
    Ok(format!("/v1/topics/{topic}{rest}"))
}

impl Client {
    /// `GET /v1/topics`.
    pub async fn topics(&self) -> Result<ListTopicsResponse, ClientError> {
        self.ask(Request::get("/v1/topics")).await
    }

    /// `POST /v1/topics`.
    pub async fn create_topic(
        &self,
        topic: &CreateTopicRequest,
    ) -> Result<CreateTopicResponse, ClientError> {
        self.ask(Request::post("/v1/topics").json(topic)).await
    }

    /// `GET /v1/topics/{t}`.
    pub async fn topic(&self, topic: &str) -> Result<TopicDescription, ClientError> {
        self.ask(Request::get(topic_path(topic, "")?)).await
    }

    /// `PATCH /v1/topics/{t}`.
    pub async fn alter_topic(
        &self,
        topic: &str,
        change: &AlterTopicRequest,
    ) -> Result<MetadataChanged, ClientError> {
        self.ask(Request::new(Method::PATCH, topic_path(topic, "")?).json(change)).await
    }

    /// `DELETE /v1/topics/{t}`.
    pub async fn delete_topic(&self, topic: &str) -> Result<MetadataChanged, ClientError> {
        self.ask(Request::new(Method::DELETE, topic_path(topic, "")?)).await
    }

    /// `POST /v1/topics/{t}/partitions`: so many in all.
    pub async fn add_partitions(
        &self,
        topic: &str,
        partitions: u32,
    ) -> Result<MetadataChanged, ClientError> {
        let request = Request::post(topic_path(topic, "/partitions")?);
        self.ask(request.json(&AddPartitionsRequest { partitions })).await
    }

    /// `POST /v1/topics/{t}/truncate`.
    pub async fn truncate(
        &self,
        topic: &str,
        partitions: Vec<TruncatePartition>,
    ) -> Result<TruncateResponse, ClientError> {
        let request = Request::post(topic_path(topic, "/truncate")?);
        self.ask(request.json(&TruncateRequest { partitions })).await
    }
}
