//! `/v1/topics/{t}/dead-letter`: the switch of a topic, or of one of its groups.

use reqwest::Method;

use super::topics::topic_path;
use super::transport::Request;
use super::{Client, ClientError};
use crate::http::dead_letter::{
    DeadLetterDescription, SetDeadLetterRequest, SetDeadLetterResponse,
};

const PATH: &str = "/dead-letter";

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
}
