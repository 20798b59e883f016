//! Topics that go on in another cluster: what may be registered, and whether the topic there is fit to
//! go on as this one, which a look at that cluster shows.

use std::time::Duration;

use rampart_api::client::{Client, ClientError};
use rampart_api::http::castle_moves::TopicMovePhase;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::limits::PEER_CLUSTER_NAME_BYTES_MAX;
use rampart_api::model::problem::Problem;
use rampart_api::model::topic_config::validate_topic_name;
use rampart_raft_store::state::metadata::castle::PeerCluster;
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::{MetadataState, TopicRecord};

/// How long a look at another cluster may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// A topic as another cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Identity of that cluster.
    pub(super) cluster: String,
    /// Identity of the topic there.
    pub(super) id: String,
    /// How many partitions it has there.
    pub(super) partitions: usize,
    /// Whether it moves itself.
    pub(super) phase: TopicMovePhase,
}

/// The command that registers a cluster.
pub(super) fn plan_peer_cluster(
    name: &str,
    servers: &[String],
) -> Result<MetadataCommand, Problem> {
    let is_fit = validate_topic_name(name).is_ok() && name.len() <= PEER_CLUSTER_NAME_BYTES_MAX;
    if !is_fit {
        let detail = format!("{name:.100?} can't be the name of a cluster");
        let hint = format!("1 to {PEER_CLUSTER_NAME_BYTES_MAX} of A-Z a-z 0-9 . _ -");
        return Err(Problem::new(ErrorCode::InvalidRequest, detail).hint(hint));
    }
    let unfit = |error: ClientError| {
        Problem::new(ErrorCode::InvalidRequest, error.to_string())
            .hint("servers are URLs such as http://10.0.1.1:8080")
    };
    // Kept as clients are to use them.
    let servers = Client::new(servers).map_err(unfit)?.servers();
    Ok(MetadataCommand::SetPeerCluster { name: name.to_owned(), servers })
}

/// The topic that shall move, and the cluster where it shall go on.
pub(super) fn find<'a>(
    state: &'a MetadataState,
    topic: &str,
    to: &str,
) -> Result<(&'a TopicRecord, &'a PeerCluster), Problem> {
    let record = find_topic(state, topic)?;
    if record.internal {
        let detail = format!("topic {topic} is the cluster's own and stays");
        return Err(Problem::new(ErrorCode::Unsafe, detail));
    }
    let cluster = state.castle.clusters.get(to).ok_or_else(|| {
        Problem::new(ErrorCode::InvalidRequest, format!("no cluster {to:.100?} is registered"))
            .hint("`rampart castle clusters set NAME URL…` registers one")
    })?;
    Ok((record, cluster))
}

pub(super) fn find_topic<'a>(
    state: &'a MetadataState,
    topic: &str,
) -> Result<&'a TopicRecord, Problem> {
    let found = state.topic_by_name(topic).map(AsRef::as_ref);
    let none = || Problem::new(ErrorCode::TopicNotFound, format!("there is no topic {topic:.100}"));
    found.ok_or_else(none)
}

/// Whether the topic there may go on as this one. The same keys must fall into the same partitions, and
/// nobody may be sent in a circle.
fn judge(
    state: &MetadataState,
    topic: &TopicRecord,
    to: &str,
    found: &Found,
) -> Result<(), Problem> {
    let name = &topic.name;
    let unfit = |what: String, hint: &str| Err(Problem::new(ErrorCode::Unsafe, what).hint(hint));
    if state.cluster.is_some_and(|own| own.to_string() == found.cluster) {
        return unfit(format!("{to} is this cluster"), "name the servers of another one");
    }
    let (here, there) = (topic.partitions.len(), found.partitions);
    if here != there {
        return unfit(
            format!("topic {name} has {here} partitions here and {there} in {to}"),
            "it must have as many there, so that a key keeps its partition",
        );
    }
    match found.phase {
        TopicMovePhase::Stays => Ok(()),
        TopicMovePhase::Preparing | TopicMovePhase::Sealing | TopicMovePhase::Moved => unfit(
            format!("topic {name} of {to} moves, or has moved, itself"),
            "cancel that move, or delete the topic there and create it anew",
        ),
    }
}

/// Looks whether the topic of another cluster may go on as this one. That it does not move there is
/// confirmed in the end: two clusters that move the same topic to each other at once see each other's
/// announcement, for each writes its own first.
pub(super) async fn look(
    state: &MetadataState,
    topic: &TopicRecord,
    (to, cluster): (&str, &PeerCluster),
) -> Result<Found, Problem> {
    let name = topic.name.as_str();
    let client = Client::new(&cluster.servers).map_err(|error| unseen(name, to, &error))?;
    let look = async {
        let mut found = describe(&client, name).await.map_err(|error| unseen(name, to, &error))?;
        judge(state, topic, to, &found)?;
        // It takes a write there, so only what is fit otherwise is worth it.
        let confirmed = client.topic_move_confirmed(name).await;
        found.phase = confirmed.map_err(|error| unseen(name, to, &error))?.phase;
        judge(state, topic, to, &found)?;
        Ok(found)
    };
    match tokio::time::timeout(LOOK_TIMEOUT, Box::pin(look)).await {
        Ok(found) => found,
        Err(_) => {
            let detail = format!("cluster {to} does not answer within {LOOK_TIMEOUT:?}");
            Err(Problem::new(ErrorCode::Unsafe, detail).hint("see that it is up, and reachable"))
        }
    }
}

async fn describe(client: &Client, topic: &str) -> Result<Found, ClientError> {
    let status = client.cluster().await?;
    let described = client.topic(topic).await?;
    // What is only announced is seen when that is confirmed.
    let is_sealed = described.partitions.iter().any(|partition| partition.sealed_at.is_some());
    let phase = if is_sealed { TopicMovePhase::Sealing } else { TopicMovePhase::Stays };
    let partitions = described.partitions.len();
    Ok(Found { cluster: status.cluster_id, id: described.id, partitions, phase })
}

fn unseen(topic: &str, to: &str, error: &ClientError) -> Problem {
    let detail = format!("topic {topic} of cluster {to}: {error}");
    let hint = match error.code() {
        Some(ErrorCode::TopicNotFound) => {
            "create it there first, with as many partitions and the configuration that it shall have"
        }
        _ => "see that the cluster is up, and that its servers are the registered ones",
    };
    Problem::new(ErrorCode::Unsafe, detail).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sample;
    use super::*;

    fn found(partitions: usize, phase: TopicMovePhase) -> Found {
        Found { cluster: "other".into(), id: "there".into(), partitions, phase }
    }

    #[test]
    fn a_topic_goes_on_only_where_it_can() {
        let sample = Sample::nodes(1).topic("t", 1, &[&[1][..]; 2]);
        let state = &sample.state;
        let topic = find_topic(state, "t").unwrap();
        let verdict = |found: &Found| judge(state, topic, "east", found).map_err(|p| p.code);
        assert_eq!(verdict(&found(2, TopicMovePhase::Stays)), Ok(()));
        let own = state.cluster.unwrap().to_string();
        let refused = [
            found(3, TopicMovePhase::Stays),
            found(2, TopicMovePhase::Preparing),
            found(2, TopicMovePhase::Sealing),
            found(2, TopicMovePhase::Moved),
            Found { cluster: own, ..found(2, TopicMovePhase::Stays) },
        ];
        for unfit in &refused {
            assert_eq!(verdict(unfit), Err(ErrorCode::Unsafe), "{unfit:?}");
        }
    }

    #[test]
    fn clusters_have_plain_names_and_servers_that_can_be_used() {
        let plan = |name: &str, server: &str| plan_peer_cluster(name, &[server.to_owned()]);
        let kept = MetadataCommand::SetPeerCluster {
            name: "east-1".into(),
            servers: vec!["http://10.0.1.1:8080".into()],
        };
        assert_eq!(plan("east-1", "10.0.1.1:8080"), Ok(kept));
        for (name, server) in [("", "a:1"), ("a b", "a:1"), ("east", "ftp://a"), ("east", "")] {
            let refused = plan(name, server).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidRequest, "{name} {server}");
        }
        assert!(plan_peer_cluster("east", &[]).is_err());
    }

    #[test]
    fn only_registered_clusters_and_ordinary_topics_are_found() {
        let sample = Sample::nodes(1).topic("t", 1, &[&[1]]);
        let code = |topic: &str, to: &str| find(&sample.state, topic, to).unwrap_err().code;
        assert_eq!(code("t", "east"), ErrorCode::InvalidRequest);
        assert_eq!(code("u", "east"), ErrorCode::TopicNotFound);
    }
}
