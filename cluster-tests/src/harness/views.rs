//! What the tests read out of the server's descriptions: one place that knows their shape.

use std::collections::BTreeMap;
use std::fmt::Display;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>> {
    value[name].as_array().with_context(|| format!("no list {name} in {value}"))
}

fn partition(topic: &Value, number: u32) -> Result<&Value> {
    let all = list(topic, "partitions")?;
    all.iter()
        .find(|partition| partition["partition"] == number)
        .with_context(|| format!("no partition {number} in {topic}"))
}

/// Id of the node that leads a partition, from the topic's description.
pub fn leader(topic: &Value, number: u32) -> Result<u64> {
    let partition = partition(topic, number)?;
    partition["leader"].as_u64().with_context(|| format!("no leader: {partition}"))
}

/// How many others the node with this address says that it hears.
pub fn alive_beside(nodes: &Value, http: impl Display) -> Result<usize> {
    let own = node_id(nodes, http)?;
    Ok(list(nodes, "nodes")?.iter().filter(|n| n["id"] != own && n["alive"] == true).count())
}

/// Names in a list of topics.
pub fn topic_names(topics: &Value) -> Result<Vec<String>> {
    let name = |topic: &Value| topic["name"].as_str().map(str::to_owned);
    Ok(list(topics, "topics")?.iter().filter_map(name).collect())
}

/// Id of the node that leads each partition that has a leader.
pub fn leaders(topic: &Value) -> Vec<u64> {
    let partitions = topic["partitions"].as_array().map_or(&[][..], Vec::as_slice);
    partitions.iter().filter_map(|partition| partition["leader"].as_u64()).collect()
}

/// Partitions of a topic that a node leads.
pub fn led_by(topic: &Value, node: u64) -> Result<usize> {
    Ok(list(topic, "partitions")?.iter().filter(|p| p["leader"] == node).count())
}

/// Node and id of every replica, by partition.
pub fn replicas(topic: &Value) -> Result<BTreeMap<u64, Vec<(u64, u64)>>> {
    let mut all = BTreeMap::new();
    for partition in list(topic, "partitions")? {
        let number = partition["partition"].as_u64().context("a partition without number")?;
        let mut replicas = Vec::new();
        for replica in list(partition, "replicas")? {
            let both = replica["node"].as_u64().zip(replica["replica"].as_u64());
            replicas.push(both.with_context(|| format!("no replica: {replica}"))?);
        }
        all.insert(number, replicas);
    }
    Ok(all)
}

/// Nodes with a replica of a partition, in ascending order.
pub fn nodes_of(topic: &Value, number: u32) -> Result<Vec<u64>> {
    let replicas = replicas(topic)?.remove(&u64::from(number)).context("no such partition")?;
    let mut nodes: Vec<u64> = replicas.into_iter().map(|(node, _)| node).collect();
    nodes.sort_unstable();
    Ok(nodes)
}

/// Every partition has a leader.
pub fn demand_leaders(topic: &Value) -> Result<()> {
    for partition in list(topic, "partitions")? {
        ensure!(partition["leader"].is_u64(), "no leader: {partition}");
    }
    Ok(())
}

/// Replicas of a topic on a node.
pub fn replicas_on(topic: &Value, node: u64) -> Result<usize> {
    let mut count = 0;
    for partition in list(topic, "partitions")? {
        count += list(partition, "replicas")?.iter().filter(|r| r["node"] == node).count();
    }
    Ok(count)
}

/// Every partition has a leader and exactly so many replicas, each in sync and not behind.
pub fn demand_level(topic: &Value, replicas: usize) -> Result<()> {
    demand_near(topic, replicas, 0)
}

/// Every partition has a leader and exactly so many replicas, each in sync and at most so many
/// records behind.
pub fn demand_near(topic: &Value, replicas: usize, lag_max: u64) -> Result<()> {
    for partition in list(topic, "partitions")? {
        ensure!(partition["leader"].is_u64(), "no leader: {partition}");
        let all = list(partition, "replicas")?;
        ensure!(all.len() == replicas, "{} replicas: {partition}", all.len());
        for replica in all {
            let is_near = replica["lag_records"].as_u64().is_some_and(|lag| lag <= lag_max);
            ensure!(replica["in_sync"] == true && is_near, "a replica is behind: {partition}");
        }
    }
    Ok(())
}

/// Every partition has a leader and as many replicas as it should, three at least, all in sync.
pub fn demand_whole(topic: &Value) -> Result<()> {
    let wanted = topic["replication_factor"].as_u64().context("no replication factor")?;
    for partition in list(topic, "partitions")? {
        ensure!(partition["leader"].is_u64(), "no leader: {partition}");
        let all = list(partition, "replicas")?;
        let in_sync = all.iter().filter(|replica| replica["in_sync"] == true).count();
        let whole = in_sync == all.len() && in_sync as u64 >= wanted.max(3);
        ensure!(whole, "{in_sync} replicas in sync: {partition}");
    }
    Ok(())
}

/// Records that a node's replicas of a topic are behind, in all, as far as their leaders know.
pub fn lag_of(topic: &Value, node: u64) -> Result<u64> {
    let mut lag = 0;
    for partition in list(topic, "partitions")? {
        let all = list(partition, "replicas")?.iter();
        let its = all.filter(|replica| replica["node"] == node);
        lag += its.filter_map(|replica| replica["lag_records"].as_u64()).sum::<u64>();
    }
    Ok(lag)
}

/// Id of the node whose HTTP listener is at this address, from the list of nodes.
pub fn node_id(nodes: &Value, http: impl Display) -> Result<u64> {
    let http = http.to_string();
    list(nodes, "nodes")?
        .iter()
        .find(|node| node["http"] == *http && node["state"] != "replaced")
        .and_then(|node| node["id"].as_u64())
        .with_context(|| format!("no node at {http} in {nodes}"))
}

/// The cluster's description shows so many living nodes, and as many metadata voters as there
/// should be: the largest odd number up to five.
pub fn demand_members(cluster: &Value, count: usize) -> Result<()> {
    let nodes = list(cluster, "nodes")?;
    let alive = nodes.iter().filter(|node| node["alive"] == true).count();
    ensure!(alive == count, "{alive} nodes alive: {cluster}");
    let voters = list(cluster, "metadata_voters")?.len();
    let wanted = if count >= 5 {
        5
    } else if count >= 3 {
        3
    } else {
        1
    };
    ensure!(voters == wanted, "{voters} metadata voters instead of {wanted}: {cluster}");
    Ok(())
}
