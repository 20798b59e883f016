//! Castle's answers, as a client reads them that has no SDK.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::super::traffic::Traffic;
use crate::history::castle::{Dispatch, Named, NamedLeader};

/// What a client knows of where to go, by the numbers of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Of the last answer.
    pub(super) version: u64,
    /// When to come again.
    pub(super) interval: Duration,
    /// Nodes to ask, best first.
    pub(super) brokers: Vec<u32>,
    /// Who leads each partition.
    pub(super) leaders: BTreeMap<u32, u32>,
}

impl Known {
    /// There is an answer.
    pub(super) fn learn(&mut self, dispatch: &Dispatch) {
        self.interval = Duration::from_millis(dispatch.interval_ms);
        match dispatch.status.as_str() {
            "ok" | "no_partition_assign" => {
                self.version = dispatch.version;
                self.brokers = dispatch.brokers.iter().filter_map(|named| named.node).collect();
                let leader = |named: &NamedLeader| Some((named.partition, named.leader.node?));
                self.leaders = dispatch.leaders.iter().filter_map(leader).collect();
            }
            "no_change" => self.version = dispatch.version,
            // It is not known there: the next answer is to be whole.
            _ => self.version = 0,
        }
    }
}

/// Reads an answer about a topic; learns by the way which node has which id.
pub(super) fn read(answer: &Value, topic: &str, traffic: &Traffic) -> Dispatch {
    let clusters = || answer["clusters"].as_object().into_iter().flat_map(|all| all.values());
    let brokers = clusters().flat_map(|cluster| list(&cluster["brokers"]));
    let brokers = brokers.filter_map(|broker| broker_of(broker, traffic)).collect();
    let partitions = clusters().flat_map(|cluster| list(&cluster["topics"][topic]["partitions"]));
    let leaders = partitions.filter_map(|partition| leader_of(partition, traffic)).collect();
    Dispatch {
        status: answer["status"].as_str().unwrap_or_default().to_owned(),
        version: answer["version"].as_u64().unwrap_or(0),
        interval_ms: answer["interval_ms"].as_u64().unwrap_or(0),
        brokers,
        leaders,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn broker_of(broker: &Value, traffic: &Traffic) -> Option<Named> {
    let id = broker["id"].as_u64()?;
    if let Some(index) = broker["http"].as_str().and_then(|url| traffic.index_at(url)) {
        traffic.learn_id(id, index);
    }
    Some(Named { id, node: traffic.index_of(id) })
}

fn leader_of(partition: &Value, traffic: &Traffic) -> Option<NamedLeader> {
    let id = partition["leader"].as_u64()?;
    Some(NamedLeader {
        partition: u32::try_from(partition["partition"].as_u64()?).ok()?,
        epoch: partition["epoch"].as_u64().unwrap_or(0),
        leader: Named { id, node: traffic.index_of(id) },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::harness::client::Api;
    use crate::history::Recorder;

    fn traffic() -> Traffic {
        let nodes = ["h:1", "h:2"].map(|address| Api::new(address).unwrap());
        Traffic::new(Recorder::new(std::io::sink(), || 0), 1, 1, nodes.into())
    }

    #[test]
    fn an_answer_says_who_is_who_and_who_leads() {
        let answer = json!({
            "status": "ok", "version": 9, "interval_ms": 1_000, "ttl_ms": 5_000,
            "clusters": { "c": {
                "brokers": [{ "id": 5, "http": "http://h:2" }, { "id": 6, "http": "http://x:1" }],
                "topics": { "t": { "partitions": [
                    { "partition": 0, "leader": 5, "epoch": 3 }, { "partition": 1, "epoch": 0 },
                ] } },
            } },
        });
        let (five, six) = (Named { id: 5, node: Some(1) }, Named { id: 6, node: None });
        let dispatch = read(&answer, "t", &traffic());
        assert_eq!((dispatch.version, dispatch.interval_ms), (9, 1_000));
        assert_eq!(dispatch.brokers, [five, six]);
        assert_eq!(dispatch.leaders, [NamedLeader { partition: 0, epoch: 3, leader: five }]);
        assert_eq!(read(&answer, "other", &traffic()).leaders, []);
    }

    #[test]
    fn what_is_known_stays_until_an_answer_says_otherwise() {
        let dispatch = |status: &str, brokers: &[u32]| Dispatch {
            status: status.to_owned(),
            version: 7,
            brokers: brokers.iter().map(|node| Named { id: 0, node: Some(*node) }).collect(),
            ..Dispatch::default()
        };
        let mut known = Known::default();
        known.learn(&dispatch("ok", &[2, 1]));
        known.learn(&dispatch("no_change", &[]));
        assert_eq!((known.version, known.brokers.as_slice()), (7, &[2, 1][..]));
        known.learn(&dispatch("register_fail", &[]));
        assert_eq!((known.version, known.brokers.as_slice()), (0, &[2, 1][..]));
    }
}
