//! Who says that it leads which group: claims travel in the pings between nodes, so that a change
//! of leader is known everywhere within a ping without going through the metadata. A claim is a
//! hint; the highest term wins.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, RwLock};
use std::time::Duration;

use rampart_api::model::ids::{GroupId, LeaderEpoch, NodeId};
use rampart_api::peer::ping::LeaderClaim;
use tokio::time::Instant;

/// All claims of a node are repeated this often; changes travel at once.
const REPEAT_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
struct Heard {
    node: NodeId,
    term: u64,
    at: Instant,
}

impl Heard {
    /// Whether it is a claim of this node within `timeout`.
    fn holds(&self, node: NodeId, now: Instant, timeout: Duration) -> bool {
        self.node == node && now.saturating_duration_since(self.at) <= timeout
    }
}

/// Claims heard from all nodes, this one included.
#[derive(Debug, Default)]
pub struct ClaimTable {
    heard: RwLock<BTreeMap<GroupId, Heard>>,
    changes: AtomicU64,
}

impl ClaimTable {
    /// Notes the claims of a node. An older term never replaces a newer one.
    pub fn hear(&self, claims: &[LeaderClaim], now: Instant) {
        if claims.is_empty() {
            return;
        }
        let mut heard = self.heard.write().expect("no holder of this lock panics");
        for claim in claims {
            let known = heard.get(&claim.group);
            if known.is_none_or(|known| known.term <= claim.term) {
                if known.is_none_or(|known| (known.node, known.term) != (claim.node, claim.term)) {
                    self.changes.fetch_add(1, Ordering::Release);
                }
                let news = Heard { node: claim.node, term: claim.term, at: now };
                heard.insert(claim.group, news);
            }
        }
    }

    /// The node that last claimed the group with the highest term.
    pub fn leader(&self, group: GroupId) -> Option<(NodeId, LeaderEpoch)> {
        let heard = self.heard.read().expect("no holder of this lock panics");
        heard.get(&group).map(|heard| (heard.node, heard.term))
    }

    /// Changes whenever another leader is known of a group than before.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// How many groups each node claimed last.
    pub fn led(&self) -> BTreeMap<NodeId, u64> {
        let heard = self.heard.read().expect("no holder of this lock panics");
        let mut led = BTreeMap::new();
        heard.values().for_each(|heard| *led.entry(heard.node).or_default() += 1);
        led
    }

    /// Milliseconds since `node` last claimed the group; `None` if another node's claim is newer,
    /// or nobody claimed it.
    pub fn age_ms(&self, group: GroupId, node: NodeId, now: Instant) -> Option<u64> {
        let heard = self.heard.read().expect("no holder of this lock panics");
        let heard = heard.get(&group).filter(|heard| heard.node == node)?;
        u64::try_from(now.saturating_duration_since(heard.at).as_millis()).ok()
    }

    /// Whether `node` claimed the group within `timeout`, and nobody with a newer term since.
    pub fn is_claimed(
        &self,
        group: GroupId,
        node: NodeId,
        now: Instant,
        timeout: Duration,
    ) -> bool {
        let heard = self.heard.read().expect("no holder of this lock panics");
        heard.get(&group).is_some_and(|heard| heard.holds(node, now, timeout))
    }

    /// Those of these groups and nodes, in the order of the groups, of which the node did not claim
    /// the group within `timeout`, or somebody did with a newer term since.
    pub fn unclaimed(
        &self,
        groups: impl Iterator<Item = (GroupId, NodeId)>,
        now: Instant,
        timeout: Duration,
    ) -> Vec<GroupId> {
        let heard = self.heard.read().expect("no holder of this lock panics");
        let mut heard = heard.iter().peekable();
        let is_unclaimed = |(group, node): &(GroupId, NodeId)| {
            while heard.next_if(|(known, _)| *known < group).is_some() {}
            heard
                .next_if(|(known, _)| *known == group)
                .is_none_or(|(_, heard)| !heard.holds(*node, now, timeout))
        };
        groups.filter(is_unclaimed).map(|(group, _)| group).collect()
    }

    /// Forgets the groups that are gone.
    pub fn forget_if(&self, is_gone: impl Fn(GroupId) -> bool) {
        let mut heard = self.heard.write().expect("no holder of this lock panics");
        heard.retain(|group, _| !is_gone(*group));
    }
}

/// This node's own claims on their way to one peer: changes at once, everything now and then.
#[derive(Debug, Default)]
pub struct ClaimOutbox {
    led: Mutex<Led>,
    sent: Mutex<BTreeMap<NodeId, PeerSent>>,
}

#[derive(Debug, Default)]
struct Led {
    claims: BTreeMap<GroupId, LeaderClaim>,
    changes: u64,
}

#[derive(Debug)]
struct PeerSent {
    terms: BTreeMap<GroupId, u64>,
    /// How often the claims had changed then.
    changes: u64,
    all_at: Instant,
}

impl ClaimOutbox {
    /// The groups this node leads now.
    pub fn set_led(&self, claims: BTreeMap<GroupId, LeaderClaim>) {
        let mut led = self.led();
        if led.claims != claims {
            led.claims = claims;
            led.changes += 1;
        }
    }

    /// How often the claims of this node changed: where that is as before, nothing is new.
    pub fn changes(&self) -> u64 {
        self.led().changes
    }

    /// The claims whose term is not the one in `known`, at most `claims_max`.
    pub fn news(&self, known: &BTreeMap<GroupId, u64>, claims_max: usize) -> Vec<LeaderClaim> {
        let led = self.led();
        let is_new = |claim: &&LeaderClaim| known.get(&claim.group) != Some(&claim.term);
        led.claims.values().filter(is_new).copied().take(claims_max).collect()
    }

    /// What to tell a peer now.
    pub fn for_peer(&self, peer: NodeId, now: Instant) -> Vec<LeaderClaim> {
        let led = self.led();
        let mut sent = self.sent.lock().expect("no holder of this lock panics");
        let known =
            sent.get(&peer).filter(|s| now.saturating_duration_since(s.all_at) < REPEAT_EVERY);
        if known.is_some_and(|known| known.changes == led.changes) {
            return Vec::new();
        }
        let claims: Vec<LeaderClaim> = match known {
            None => led.claims.values().copied().collect(),
            Some(known) => led
                .claims
                .values()
                .filter(|claim| known.terms.get(&claim.group) != Some(&claim.term))
                .copied()
                .collect(),
        };
        let all_at = known.map_or(now, |known| known.all_at);
        let terms = led.claims.values().map(|claim| (claim.group, claim.term)).collect();
        sent.insert(peer, PeerSent { terms, changes: led.changes, all_at });
        claims
    }

    fn led(&self) -> MutexGuard<'_, Led> {
        self.led.lock().expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use rampart_api::model::ids::ReplicaId;

    use super::*;

    fn claim(group: u64, term: u64, node: u64) -> LeaderClaim {
        LeaderClaim { group: GroupId(group), term, replica: ReplicaId(node), node: NodeId(node) }
    }

    fn now() -> Instant {
        crate::clock::Clock::default().instant()
    }

    #[test]
    fn the_highest_term_wins() {
        let (table, at) = (ClaimTable::default(), now());
        table.hear(&[claim(1, 5, 1)], at);
        table.hear(&[claim(1, 4, 2)], at);
        assert_eq!(table.leader(GroupId(1)), Some((NodeId(1), 5)));
        table.hear(&[claim(1, 6, 2)], at);
        assert_eq!(table.leader(GroupId(1)), Some((NodeId(2), 6)));
        let changes = table.changes();
        table.hear(&[claim(1, 6, 2), claim(1, 5, 1)], at);
        assert_eq!(table.changes(), changes, "nothing new");
        table.hear(&[claim(2, 1, 2)], at);
        assert!(table.changes() > changes);
        assert_eq!(table.led(), BTreeMap::from([(NodeId(2), 2)]));
        assert_eq!(table.age_ms(GroupId(1), NodeId(1), at), None);
        assert_eq!(table.age_ms(GroupId(1), NodeId(2), at + REPEAT_EVERY), Some(1_000));
    }

    #[test]
    fn groups_that_their_leader_claims_no_more_are_found_in_one_walk() {
        let (table, at) = (ClaimTable::default(), now());
        table.hear(&[claim(1, 5, 1), claim(3, 5, 2), claim(4, 1, 1), claim(7, 1, 1)], at);
        let unclaimed = |groups: &[(u64, u64)], now| {
            let groups = groups.iter().map(|(group, node)| (GroupId(*group), NodeId(*node)));
            table.unclaimed(groups, now, REPEAT_EVERY)
        };
        let followed = [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (7, 1), (8, 1)];
        let never = [0, 2, 3, 8].map(GroupId);
        assert_eq!(unclaimed(&followed, at + REPEAT_EVERY), never, "3 is claimed by another node");
        table.hear(&[claim(4, 1, 1)], at + REPEAT_EVERY);
        let late = at + REPEAT_EVERY + Duration::from_millis(1);
        assert_eq!(unclaimed(&[(1, 1), (4, 1)], late), [GroupId(1)]);
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let (table, at) = (ClaimTable::default(), now());
        table.hear(&[claim(1, 5, 1), claim(2, 5, 1)], at);
        table.forget_if(|group| group == GroupId(1));
        assert_eq!(table.leader(GroupId(1)), None);
        assert_eq!(table.leader(GroupId(2)), Some((NodeId(1), 5)));
    }

    #[test]
    fn changes_travel_at_once_and_everything_each_second() {
        let (outbox, at) = (ClaimOutbox::default(), now());
        let led = |terms: &[(u64, u64)]| {
            terms.iter().map(|(g, t)| (GroupId(*g), claim(*g, *t, 1))).collect::<BTreeMap<_, _>>()
        };
        outbox.set_led(led(&[(1, 1), (2, 1)]));
        assert_eq!(outbox.for_peer(NodeId(2), at).len(), 2);
        assert_eq!(outbox.for_peer(NodeId(2), at + REPEAT_EVERY / 10).len(), 0);
        outbox.set_led(led(&[(1, 1), (2, 3)]));
        assert_eq!(outbox.for_peer(NodeId(2), at + REPEAT_EVERY / 5), vec![claim(2, 3, 1)]);
        assert_eq!(outbox.for_peer(NodeId(2), at + REPEAT_EVERY).len(), 2);
        let changes = outbox.changes();
        outbox.set_led(led(&[(1, 1), (2, 3)]));
        assert_eq!(outbox.changes(), changes, "the same again");
        outbox.set_led(led(&[(2, 3)]));
        assert_ne!(outbox.changes(), changes);
        outbox.set_led(led(&[(1, 1), (2, 3)]));
        assert_eq!(outbox.for_peer(NodeId(2), at + REPEAT_EVERY).len(), 0, "as it was told");
    }
}
