//! `/v1/cluster…`: status, nodes, leadership, moves.

use reqwest::Method;

use super::transport::Request;
use super::{Client, ClientError};
use crate::http::cluster::{
    AlterClusterRequest, ClusterConfig, ClusterHealth, ClusterStatus, DecommissionProgress,
    ListMovesResponse, ListNodesResponse, NodeActionRequest, NodeActionResponse, NodeDescription,
    RebalancePlan, RebalanceRequest, SetReplicasRequest, SetReplicasResponse,
    TransferLeadershipRequest, TransferLeadershipResponse,
};
use crate::http::topics::MetadataChanged;
use crate::model::topic_config::validate_topic_name;

impl Client {
    /// `GET /v1/cluster`.
    pub async fn cluster(&self) -> Result<ClusterStatus, ClientError> {
        self.ask(Request::get("/v1/cluster")).await
    }

    /// `GET /v1/cluster/health`.
    pub async fn health(&self) -> Result<ClusterHealth, ClientError> {
        self.ask(Request::get("/v1/cluster/health")).await
    }

    /// `GET /v1/cluster/config`.
    pub async fn cluster_config(&self) -> Result<ClusterConfig, ClientError> {
        self.ask(Request::get("/v1/cluster/config")).await
    }

    /// `PATCH /v1/cluster/config`.
    pub async fn alter_cluster(
        &self,
        request: &AlterClusterRequest,
    ) -> Result<MetadataChanged, ClientError> {
        self.ask(Request::new(Method::PATCH, "/v1/cluster/config").json(request)).await
    }

    /// `GET /readyz` of the server that is tried first: recovered and caught up.
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.send(Request::get("/readyz")).await.map(drop)
    }

    /// `GET /v1/cluster/nodes`.
    pub async fn nodes(&self) -> Result<ListNodesResponse, ClientError> {
        self.ask(Request::get("/v1/cluster/nodes")).await
    }

    /// `GET /v1/cluster/nodes/{id}`.
    pub async fn node(&self, node: u64) -> Result<NodeDescription, ClientError> {
        self.ask(Request::get(format!("/v1/cluster/nodes/{node}"))).await
    }

    /// `POST /v1/cluster/nodes/{id}:drain`: leaderships move away, the data stays.
    pub async fn drain(
        &self,
        node: u64,
        request: NodeActionRequest,
    ) -> Result<NodeActionResponse, ClientError> {
        self.node_action(node, "drain", request).await
    }

    /// `POST /v1/cluster/nodes/{id}:decommission`: replicas move away.
    pub async fn decommission(
        &self,
        node: u64,
        request: NodeActionRequest,
    ) -> Result<NodeActionResponse, ClientError> {
        self.node_action(node, "decommission", request).await
    }

    /// `POST /v1/cluster/nodes/{id}:recommission`: takes part again.
    pub async fn recommission(
        &self,
        node: u64,
        request: NodeActionRequest,
    ) -> Result<NodeActionResponse, ClientError> {
        self.node_action(node, "recommission", request).await
    }

    /// `DELETE /v1/cluster/nodes/{id}`: for good.
    pub async fn remove_node(
        &self,
        node: u64,
        request: NodeActionRequest,
    ) -> Result<NodeActionResponse, ClientError> {
        let path = format!("/v1/cluster/nodes/{node}");
        self.ask(Request::new(Method::DELETE, path).json(&request)).await
    }

    /// `GET /v1/cluster/nodes/{id}/decommission`.
    pub async fn decommission_progress(
        &self,
        node: u64,
    ) -> Result<DecommissionProgress, ClientError> {
        self.ask(Request::get(format!("/v1/cluster/nodes/{node}/decommission"))).await
    }

    /// `POST /v1/cluster/partitions/{t}/{p}:transfer-leadership`.
    pub async fn transfer_leadership(
        &self,
        topic: &str,
        partition: u32,
        to: Option<u64>,
    ) -> Result<TransferLeadershipResponse, ClientError> {
        validate_topic_name(topic)?;
        let path = format!("/v1/cluster/partitions/{topic}/{partition}:transfer-leadership");
        self.ask(Request::post(path).json(&TransferLeadershipRequest { to })).await
    }

    /// `PUT /v1/cluster/partitions/{t}/{p}/replicas`.
    pub async fn set_replicas(
        &self,
        topic: &str,
        partition: u32,
        request: &SetReplicasRequest,
    ) -> Result<SetReplicasResponse, ClientError> {
        validate_topic_name(topic)?;
        let path = format!("/v1/cluster/partitions/{topic}/{partition}/replicas");
        self.ask(Request::new(Method::PUT, path).json(request)).await
    }

    /// `GET /v1/cluster/moves`.
    pub async fn moves(&self) -> Result<ListMovesResponse, ClientError> {
        self.ask(Request::get("/v1/cluster/moves")).await
    }

    /// `POST /v1/cluster:rebalance`.
    pub async fn rebalance(&self, request: RebalanceRequest) -> Result<RebalancePlan, ClientError> {
        self.ask(Request::post("/v1/cluster:rebalance").json(&request)).await
    }

    async fn node_action(
        &self,
        node: u64,
        verb: &str,
        request: NodeActionRequest,
    ) -> Result<NodeActionResponse, ClientError> {
        let path = format!("/v1/cluster/nodes/{node}:{verb}");
        self.ask(Request::post(path).json(&request)).await
    }
}
