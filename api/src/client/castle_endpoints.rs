//! `/v1/castle…`: heartbeats, the clients that send them, commands.

use reqwest::Method;

use super::groups::escaped;
use super::transport::Request;
use super::{Client, ClientError};
use crate::http::castle::{
    CommandRequest, CommandResponse, HeartbeatRequest, HeartbeatResponse, ListClientsResponse,
};

impl Client {
    /// `POST /v1/castle/heartbeat`.
    pub async fn castle_heartbeat(
        &self,
        request: &HeartbeatRequest,
    ) -> Result<HeartbeatResponse, ClientError> {
        self.ask(Request::post("/v1/castle/heartbeat").json(request)).await
    }

    /// `GET /v1/castle/clients`: those that the nodes have heard of.
    pub async fn castle_clients(&self) -> Result<ListClientsResponse, ClientError> {
        self.ask(Request::new(Method::GET, "/v1/castle/clients")).await
    }

    /// `POST /v1/castle/clients/{instance}/commands`: asks something of a client.
    pub async fn castle_command(
        &self,
        instance_id: &str,
        request: &CommandRequest,
    ) -> Result<CommandResponse, ClientError> {
        let path = format!("/v1/castle/clients/{}/commands", escaped(instance_id));
        self.ask(Request::post(path).json(request)).await
    }
}
