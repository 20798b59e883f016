//! `/v1/castle…`: heartbeats, who sends them, and commands to them.

use std::time::Duration;

use super::transport::{Request, escaped};
use super::{Client, ClientError};
use crate::http::castle::{
    CommandRequest, CommandResponse, HeartbeatRequest, HeartbeatResponse, ListClientsResponse,
};

/// A heartbeat is of no use any more when the next one is due.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(5);

impl Client {
    /// `POST /v1/castle/heartbeat`: says that a client is there, and hears where to go and what to do.
    pub async fn heartbeat(
        &self,
        request: &HeartbeatRequest,
    ) -> Result<HeartbeatResponse, ClientError> {
        let post = Request::post("/v1/castle/heartbeat").json(request);
        self.ask(post.within(HEARTBEAT_TIMEOUT)).await
    }

    /// `GET /v1/castle/clients`: who sends heartbeats, to whatever node.
    pub async fn castle_clients(&self) -> Result<ListClientsResponse, ClientError> {
        self.ask(Request::get("/v1/castle/clients")).await
    }

    /// `POST /v1/castle/clients/{id}/commands`: asks something of a client, by its instance id.
    pub async fn castle_command(
        &self,
        client: &str,
        request: &CommandRequest,
    ) -> Result<CommandResponse, ClientError> {
        let path = format!("/v1/castle/clients/{}/commands", escaped(client));
        self.ask(Request::post(path).json(request)).await
    }
}
