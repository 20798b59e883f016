//! `/v1/castle/clusters…` and `/v1/castle/topics/{t}:move`: other clusters, and topics that go on
//! there.

use reqwest::Method;

use super::transport::Request;
use super::{Client, ClientError};
use crate::http::castle_moves::{
    ListClustersResponse, MoveTopicRequest, SetClusterRequest, TopicMoveDescription,
};
use crate::http::topics::MetadataChanged;
use crate::model::topic_config::validate_topic_name;

const CLUSTERS: &str = "/v1/castle/clusters";

impl Client {
    /// `GET /v1/castle/clusters`.
    pub async fn peer_clusters(&self) -> Result<ListClustersResponse, ClientError> {
        self.ask(Request::get(CLUSTERS)).await
    }

    /// `PUT /v1/castle/clusters/{name}`: registers a cluster, or changes how it is reached.
    pub async fn set_peer_cluster(
        &self,
        name: &str,
        servers: &[String],
    ) -> Result<MetadataChanged, ClientError> {
        let servers = servers.to_vec();
        let request = Request::new(Method::PUT, cluster_path(name)?);
        self.ask(request.json(&SetClusterRequest { servers })).await
    }

    /// `DELETE /v1/castle/clusters/{name}`.
    pub async fn remove_peer_cluster(&self, name: &str) -> Result<MetadataChanged, ClientError> {
        self.ask(Request::new(Method::DELETE, cluster_path(name)?)).await
    }

    /// `GET /v1/castle/topics/{t}:move`.
    pub async fn topic_move(&self, topic: &str) -> Result<TopicMoveDescription, ClientError> {
        self.ask(Request::get(move_path(topic, "move")?)).await
    }

    /// The same, by a node that has everything that was done before, and without what blocks it.
    pub async fn topic_move_confirmed(
        &self,
        topic: &str,
    ) -> Result<TopicMoveDescription, ClientError> {
        self.ask(Request::get(move_path(topic, "move")?).query("confirm", Some(true))).await
    }

    /// `POST /v1/castle/topics/{t}:move`: the topic goes on in another cluster.
    pub async fn start_topic_move(
        &self,
        topic: &str,
        request: &MoveTopicRequest,
    ) -> Result<TopicMoveDescription, ClientError> {
        self.ask(Request::post(move_path(topic, "move")?).json(request)).await
    }

    /// `POST /v1/castle/topics/{t}:cancel`, while nothing is sealed.
    pub async fn cancel_topic_move(
        &self,
        topic: &str,
    ) -> Result<TopicMoveDescription, ClientError> {
        self.ask(Request::post(move_path(topic, "cancel")?)).await
    }
}

fn move_path(topic: &str, verb: &str) -> Result<String, ClientError> {
    validate_topic_name(topic)?;
    Ok(format!("/v1/castle/topics/{topic}:{verb}"))
}

/// Clusters have names as topics have.
fn cluster_path(name: &str) -> Result<String, ClientError> {
    validate_topic_name(name)?;
    Ok(format!("{CLUSTERS}/{name}"))
}
