//! Changes of who belongs to the cluster and who holds what, by the interface that operators use:
//! a node joins and is decommissioned, one is drained, replicas move, leaderships move.
//!
//! Nothing acknowledged is lost: a replica goes only when its successor has everything and the
//! change is committed by a majority of both (INV-01, INV-14).

use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use futures_util::future::BoxFuture;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::Method;
use serde_json::{Value, json};

use super::victims::{Who, topics};
use super::{Fault, How, Injected};
use crate::harness::client::Answer;
use crate::harness::cluster::Cluster;
use crate::harness::probe::wait_for;
use crate::harness::views;

/// A node that has not answered after this time is cut off or stands still; another is asked.
const ASK: Duration = Duration::from_secs(3);
/// A decommission moves all replicas of a node.
const LONG: Duration = Duration::from_secs(120);

pub(super) fn all() -> Vec<Fault> {
    vec![
        Fault::new("add-and-remove-node", Who::Follows, Change::Add),
        Fault::new("drain-node", Who::One, Change::Drain),
        Fault::new("move-replica", Who::Follows, Change::Move),
        Fault::new("transfer-leadership", Who::Follows, Change::Transfer),
    ]
}

#[derive(Debug)]
enum Change {
    /// One more node; healing decommissions it, which takes a majority that is well.
    Add,
    /// One is drained; healing recommissions it.
    Drain,
    /// A replica goes to a node that has none of its partition.
    Move,
    /// Another replica leads.
    Transfer,
}

impl How for Change {
    fn begin<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        nodes: &'a [usize],
        rng: &'a mut StdRng,
    ) -> BoxFuture<'a, Result<Injected>> {
        Box::pin(async move {
            match self {
                Change::Add => {
                    let node = cluster.prepare().await?;
                    cluster.launch(node)?;
                    Ok(Injected::on(&[node], "one more node"))
                }
                Change::Drain => drain(cluster, nodes[0]).await,
                Change::Move => move_replica(cluster, rng).await,
                Change::Transfer => transfer(cluster, rng).await,
            }
        })
    }

    fn end<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        injected: &'a Injected,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for &node in injected.nodes.iter().filter(|node| cluster.is_member(**node)) {
                match self {
                    Change::Add => return remove(cluster, node).await,
                    Change::Drain => verb(cluster, node, "recommission").await?,
                    Change::Move | Change::Transfer => {}
                }
            }
            Ok(())
        })
    }
}

/// Asks the awake nodes in turn until one answers that it is done; what the last one said otherwise.
async fn ask(cluster: &Cluster, method: Method, path: &str, body: &Value) -> Result<Value> {
    let mut last = anyhow!("nobody is awake");
    for index in cluster.awake() {
        let asked = cluster.api(index).with_json(method.clone(), path, body);
        match tokio::time::timeout(ASK, asked).await.map(|answer| answer.and_then(Answer::ok)) {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => last = error,
            Err(_) => last = anyhow!("node {index} does not answer {path}"),
        }
    }
    Err(last)
}

/// Until it is done: others may be in the way for a while.
async fn verb(cluster: &Cluster, node: usize, verb: &str) -> Result<()> {
    wait_for(format!("{verb} of node {node}"), LONG, || async {
        let path = format!("/v1/cluster/nodes/{}", id_of(cluster, node).await?);
        ask(cluster, Method::POST, &format!("{path}:{verb}"), &json!({})).await
    })
    .await
    .map(drop)
}

/// What the cluster calls a node.
pub(super) async fn id_of(cluster: &Cluster, node: usize) -> Result<u64> {
    let nodes = ask(cluster, Method::GET, "/v1/cluster/nodes", &json!({})).await?;
    views::node_id(&nodes, cluster.node(node).http)
}

async fn drain(cluster: &Cluster, node: usize) -> Result<Injected> {
    let Ok(id) = id_of(cluster, node).await else {
        return Ok(Injected::none("nobody says what node this is"));
    };
    // Whether it was done or not is of no matter: healing recommissions it in any case.
    let path = format!("/v1/cluster/nodes/{id}:drain");
    let done = ask(cluster, Method::POST, &path, &json!({})).await;
    Ok(Injected::on(&[node], said(done)))
}

/// Decommissions a node, waits until nothing is left on it, and removes it for good. One that never
/// became a member only ends.
async fn remove(cluster: &mut Cluster, node: usize) -> Result<()> {
    cluster.launch_those_down(&[node])?;
    verb(cluster, node, "decommission").await?;
    let path = format!("/v1/cluster/nodes/{}", id_of(cluster, node).await?);
    wait_for(format!("node {node} to be empty"), LONG, || async {
        let now = ask(cluster, Method::GET, &path, &json!({})).await?;
        ensure!(now["state"] == "decommissioned", "{now}");
        Ok(())
    })
    .await?;
    cluster.kill(node);
    wait_for(format!("node {node} to be removed"), LONG, || async {
        ask(cluster, Method::DELETE, &path, &json!({})).await
    })
    .await?;
    cluster.retire(node);
    Ok(())
}

/// A partition by chance: its topic, number, leader and replicas, by ids.
async fn partition(cluster: &Cluster, rng: &mut StdRng) -> Option<(String, u64, u64, Vec<u64>)> {
    for asked in cluster.awake() {
        let Ok(Ok(topics)) = tokio::time::timeout(ASK, topics(cluster, asked)).await else {
            continue;
        };
        let topic = topics.choose(rng)?;
        let partition = topic["partitions"].as_array()?.choose(rng)?;
        let replicas = partition["replicas"].as_array()?.iter();
        return Some((
            topic["name"].as_str()?.to_owned(),
            partition["partition"].as_u64()?,
            partition["leader"].as_u64()?,
            replicas.filter_map(|replica| replica["node"].as_u64()).collect(),
        ));
    }
    None
}

async fn move_replica(cluster: &Cluster, rng: &mut StdRng) -> Result<Injected> {
    let Some((topic, number, _, mut replicas)) = partition(cluster, rng).await else {
        return Ok(Injected::none("nobody says where partitions are"));
    };
    let mut spare = Vec::new();
    for index in cluster.awake() {
        let Ok(id) = id_of(cluster, index).await else { continue };
        if !replicas.contains(&id) {
            spare.push((index, id));
        }
    }
    let (Some(&(to, id)), Some(last)) = (spare.choose(rng), replicas.last_mut()) else {
        return Ok(Injected::none("every node has a replica of it"));
    };
    let from = std::mem::replace(last, id);
    let path = format!("/v1/cluster/partitions/{topic}/{number}/replicas");
    let done = ask(cluster, Method::PUT, &path, &json!({ "nodes": replicas })).await;
    Ok(Injected::on(&[to], format!("{topic}/{number} from {from} to {id}: {}", said(done))))
}

async fn transfer(cluster: &Cluster, rng: &mut StdRng) -> Result<Injected> {
    let Some((topic, number, leader, replicas)) = partition(cluster, rng).await else {
        return Ok(Injected::none("nobody says where partitions are"));
    };
    let others: Vec<u64> = replicas.into_iter().filter(|&node| node != leader).collect();
    let Some(&to) = others.choose(rng) else {
        return Ok(Injected::none("it has one replica"));
    };
    let nodes = ask(cluster, Method::GET, "/v1/cluster/nodes", &json!({})).await;
    let Ok(index) = nodes.and_then(|nodes| cluster.index_in(&nodes, to)) else {
        return Ok(Injected::none("nobody says what node this is"));
    };
    let path = format!("/v1/cluster/partitions/{topic}/{number}:transfer-leadership");
    let done = ask(cluster, Method::POST, &path, &json!({ "to": to })).await;
    Ok(Injected::on(&[index], format!("{topic}/{number} from {leader} to {to}: {}", said(done))))
}

fn said(done: Result<Value>) -> String {
    done.map_or_else(|error| format!("{error:#}"), |_| "done".to_owned())
}
