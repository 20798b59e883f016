//! What the SDK knows of the nodes of its cluster, and which it asks first. Any node takes any
//! request; the leader of a partition takes it without a hop, so it is tried first. Whoever met
//! trouble goes round all servers: those it was given, and those that the cluster has named since.
//! Castle may say which nodes come first for all that has no leader of its own.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::{Client, ClientError};
use crate::http::castle::BrokerCandidate;
use crate::http::cluster::NodeDescription;

/// The nodes of one cluster, as the client knows them.
#[derive(Debug)]
pub(super) struct Session {
    /// As it was given.
    seeds: Client,
    known: RwLock<Known>,
}

#[derive(Debug)]
struct Known {
    /// Tries the given servers, then the other nodes.
    all: Client,
    /// What `all` has beyond the given servers.
    addresses: Vec<String>,
    /// What Castle recommends, the best one first.
    candidates: Vec<BrokerCandidate>,
    wish: Option<Wish>,
    /// By id: clients that try this node first. Only nodes that are alive.
    nodes: HashMap<u64, (String, Client)>,
}

/// Which nodes an operator wants the client to use.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    Node(u64),
    Rack(String),
}

impl Wish {
    /// Reads `node:N` or `rack:NAME`.
    fn read(text: &str) -> Option<Wish> {
        match text.split_once(':')? {
            ("node", id) => id.parse().ok().map(Wish::Node),
            ("rack", rack) if !rack.is_empty() => Some(Wish::Rack(rack.to_owned())),
            _ => None,
        }
    }

    fn is_met_by(&self, broker: &BrokerCandidate) -> bool {
        match self {
            Wish::Node(id) => broker.id == *id,
            Wish::Rack(rack) => broker.rack == *rack,
        }
    }
}

impl Known {
    /// The servers anew: those recommended first, those wished for before them.
    fn arrange(&mut self, seeds: &Client) {
        let (wished, others): (Vec<_>, Vec<_>) =
            self.candidates.iter().partition(|broker| match &self.wish {
                Some(wish) => wish.is_met_by(broker),
                None => true,
            });
        let named = match &self.wish {
            Some(Wish::Node(id)) => self.nodes.get(id).map(|(address, _)| address.clone()),
            Some(Wish::Rack(_)) | None => None,
        };
        let listed = wished.into_iter().chain(others).map(|broker| broker.http.clone());
        let first: Vec<String> = named.into_iter().chain(listed).collect();
        let all = seeds.followed_by(&self.addresses);
        self.all = if first.is_empty() { all } else { all.beginning_with(&first) };
    }
}

impl Session {
    /// A session that knows no more than the client's servers.
    pub(super) fn new(seeds: Client) -> Self {
        let known = Known {
            all: seeds.clone(),
            addresses: Vec::new(),
            candidates: Vec::new(),
            wish: None,
            nodes: HashMap::new(),
        };
        Session { seeds, known: RwLock::new(known) }
    }

    /// A client for a request that is best done by this node, if it is known, and that has failed so
    /// often.
    pub(super) fn client(&self, node: Option<u64>, failures: u32) -> Client {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if failures > 0 {
            return known.all.turned(failures as usize);
        }
        let best = node.and_then(|node| known.nodes.get(&node));
        best.map_or_else(|| known.all.clone(), |(_, client)| client.clone())
    }

    /// Asks the cluster which nodes it has.
    pub(super) async fn refresh(&self, failures: u32) -> Result<(), ClientError> {
        let answer = self.client(None, failures).nodes().await?;
        self.learn(&answer.nodes);
        Ok(())
    }

    /// These nodes are recommended, the best one first.
    pub(super) fn prefer(&self, candidates: &[BrokerCandidate]) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Load changes all the time; the order is what counts.
        let same = known.candidates.iter().map(|broker| &broker.http);
        if !same.eq(candidates.iter().map(|broker| &broker.http)) {
            known.candidates = candidates.to_vec();
            known.arrange(&self.seeds);
        }
    }

    /// An operator wants the client to use `node:N`, or the nodes of `rack:NAME`. Whether that is what
    /// was said.
    pub(super) fn move_to(&self, to: &str) -> bool {
        let Some(wish) = Wish::read(to) else { return false };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.wish = Some(wish);
        known.arrange(&self.seeds);
        true
    }

    fn learn(&self, nodes: &[NodeDescription]) {
        let alive: Vec<_> =
            nodes.iter().filter(|node| node.alive && !node.http.is_empty()).collect();
        let mut addresses: Vec<_> = alive.iter().map(|node| node.http.clone()).collect();
        addresses.sort_unstable();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.addresses != addresses {
            known.addresses = addresses;
            known.arrange(&self.seeds);
        }
        // A client that is kept remembers which server took its last request.
        let mut before = std::mem::take(&mut known.nodes);
        for node in alive {
            let same = before.remove(&node.id).filter(|(address, _)| *address == node.http);
            let fresh = || Some((node.http.clone(), known.all.led_by(&node.http)?));
            if let Some(entry) = same.or_else(fresh) {
                known.nodes.insert(node.id, entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64, http: &str, alive: bool) -> NodeDescription {
        NodeDescription { id, http: http.to_owned(), alive, ..NodeDescription::default() }
    }

    fn session() -> Session {
        let session = Session::new(Client::new(&["a:1".to_owned()]).unwrap());
        session.learn(&[node(1, "a:1", true), node(2, "b:2", true), node(3, "c:3", false)]);
        session
    }

    #[test]
    fn the_leader_is_tried_first_and_the_others_after_it() {
        let session = session();
        assert_eq!(session.client(Some(2), 0).servers(), ["http://b:2", "http://a:1"]);
        assert_eq!(session.client(Some(1), 0).servers(), ["http://a:1", "http://b:2"]);
        let unknown = session.client(Some(3), 0);
        assert_eq!(unknown.servers(), ["http://a:1", "http://b:2"], "it is not alive");
    }

    #[test]
    fn failures_go_round_all_servers() {
        let session = session();
        let first = |failures| session.client(Some(2), failures).servers()[0].clone();
        let tried: Vec<_> = (1..5).map(first).collect();
        assert_eq!(tried, ["http://b:2", "http://a:1", "http://b:2", "http://a:1"]);
    }

    #[test]
    fn what_castle_recommends_is_asked_first_and_what_an_operator_wants_before_it() {
        let session = session();
        let order = || session.client(None, 0).servers();
        let broker = |id, http: &str, rack: &str| BrokerCandidate {
            id,
            http: http.to_owned(),
            rack: rack.to_owned(),
            ..BrokerCandidate::default()
        };
        session.prefer(&[broker(4, "d:4", "x"), broker(2, "b:2", "y")]);
        assert_eq!(order(), ["http://d:4", "http://b:2", "http://a:1"]);
        assert!(session.move_to("rack:y"));
        assert_eq!(order(), ["http://b:2", "http://d:4", "http://a:1"]);
        assert!(session.move_to("node:1"), "it is known though Castle does not name it");
        assert_eq!(order(), ["http://a:1", "http://d:4", "http://b:2"]);
        for nonsense in ["", "rack:", "node:x", "b:2"] {
            assert!(!session.move_to(nonsense), "{nonsense}");
        }
    }

    #[test]
    fn a_node_that_moved_is_met_at_its_new_address() {
        let session = session();
        session.learn(&[node(1, "a:1", true), node(2, "d:4", true), node(4, "no url", true)]);
        assert_eq!(session.client(Some(2), 0).servers(), ["http://d:4", "http://a:1"]);
        assert_eq!(session.client(Some(4), 0).servers(), ["http://a:1", "http://d:4"]);
    }
}
