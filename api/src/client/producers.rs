//! `POST /v1/producers`.

use super::transport::Request;
use super::{Client, ClientError};
use crate::http::producers::{ProducerIdentity, ProducerRequest};

impl Client {
    /// `POST /v1/producers`: a new producer id, or the next epoch of one that is known.
    pub async fn producer_identity(
        &self,
        known: Option<ProducerIdentity>,
    ) -> Result<ProducerIdentity, ClientError> {
        let body = ProducerRequest {
            producer_id: known.map(|identity| identity.producer_id),
            epoch: known.map(|identity| identity.epoch),
        };
        self.ask(Request::post("/v1/producers").json(&body)).await
    }
}
