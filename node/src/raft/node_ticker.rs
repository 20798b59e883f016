//! `[pure]` When a partition's replica campaigns, when a leader beats, when a group falls quiet.
//!
//! Partition groups run without openraft's ticks: a tick per group costs a core with a few hundred
//! groups. Instead one sweep over all groups asks `decide` about each. Elections are
//! level-triggered: as long as the leader is presumed gone, the question is asked again, because
//! openraft silently ignores a campaign inside the lease.
//! INV-14: what is due is asked again at each look, so no lost event stops it for good.

use super::settings::RaftTimings;
use super::status::Role;

/// What the sweep knows of the leader that a replica follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderView {
    /// This node's liveness says the leader's node lives.
    pub alive: bool,
    /// Milliseconds since that node last claimed the group; `None` = never since it came up.
    pub claim_age_ms: Option<u64>,
}

/// What the sweep knows of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupView {
    /// What this replica is.
    pub role: Role,
    /// Its group has a membership.
    pub initialized: bool,
    /// The leader it follows, if it knows one.
    pub leader: Option<LeaderView>,
    /// Position in the placement: 0 = preferred leader.
    pub rank: u32,
    /// Leader: milliseconds since the last write, read or change of this group.
    pub idle_ms: u64,
    /// Leader: every replica on a living node has everything, and all of it is applied here.
    pub all_matched: bool,
    /// Leader: the replicas on living nodes are a majority of the voters, and nobody claims the
    /// group with a higher term.
    pub has_living_majority: bool,
    /// Leader: a quorum acknowledged it within its lease.
    pub has_lease: bool,
    /// Leader: milliseconds since a quorum last acknowledged it; `None` = never.
    pub quorum_ack_age_ms: Option<u64>,
}

/// What the sweep remembers of a group between two looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupTick {
    last_heartbeat_ms: u64,
    /// Voter: why it is about to campaign; `None` = it follows a leader.
    cause: Option<Cause>,
    next_campaign_ms: u64,
    /// Leader: no heartbeats until there is work again.
    pub quiesced: bool,
}

impl GroupTick {
    /// Voter: it is about to campaign, sooner or later.
    pub fn is_about_to_campaign(&self) -> bool {
        self.cause.is_some()
    }
}

/// What to do about a group now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Leave it alone.
    Nothing,
    /// Send a round of heartbeats.
    Heartbeat,
    /// Campaign, with a pre-vote first.
    Campaign,
}

/// Why a voter is about to campaign. Each waits for another thing, so a change starts anew: what
/// was to be waited for of a living leader is not waited for once it is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The leader's node lives but has not said since it came up that it leads: it gets time to.
    Unclaimed,
    /// The leader's node is dead, or has not repeated its claim for so long that it leads no more.
    Gone,
    /// There never was a leader.
    Never,
}

impl Cause {
    fn first_wait_ms(self, rank: u32, timings: &RaftTimings) -> u64 {
        match self {
            Cause::Unclaimed => millis(timings.claim_timeout),
            Cause::Gone => u64::from(rank) * RANK_STEP_DEAD_MS,
            Cause::Never => u64::from(rank) * RANK_STEP_START_MS,
        }
    }
}

/// Pause between two campaigns of one replica, before jitter.
const CAMPAIGN_RETRY_MS: u64 = 100;
/// How much later the next in the placement campaigns, where the leader is dead.
const RANK_STEP_DEAD_MS: u64 = 30;
/// How much later the next in the placement campaigns, where there never was a leader.
const RANK_STEP_START_MS: u64 = 100;

/// Decides about one group. `now_ms` is monotonic; `jitter` is a fresh random number.
pub fn decide(
    tick: &mut GroupTick,
    view: &GroupView,
    timings: &RaftTimings,
    now_ms: u64,
    jitter: u64,
) -> Action {
    match view.role {
        Role::Leader => decide_leader(tick, view, timings, now_ms),
        Role::Voter => decide_voter(tick, view, timings, now_ms, jitter),
        Role::Learner | Role::Stopped => {
            *tick = GroupTick::default();
            Action::Nothing
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn decide_leader(
    tick: &mut GroupTick,
    view: &GroupView,
    timings: &RaftTimings,
    now_ms: u64,
) -> Action {
    tick.cause = None;
    // Dead followers don't keep a group awake, but a leader that is cut off must not rest: a quiet
    // leader is believed without a lease. Once quiet its lease runs out, and the living stand in.
    let is_led = view.has_living_majority && (tick.quiesced || view.has_lease);
    if view.idle_ms >= millis(timings.quiesce_after) && view.all_matched && is_led {
        tick.quiesced = true;
        return Action::Nothing;
    }
    let woken = std::mem::take(&mut tick.quiesced);
    // A leader that reaches no quorum probes slowly, so that it doesn't block a majority that is
    // connected without it (openraft issue 2080). A group that wakes always beats at once.
    let lease = millis(timings.election_timeout_max);
    let cut_off = view.quorum_ack_age_ms.is_some_and(|age| age > lease) && !woken;
    let interval = if cut_off { lease * 2 } else { millis(timings.heartbeat) };
    if woken || now_ms.saturating_sub(tick.last_heartbeat_ms) >= interval {
        tick.last_heartbeat_ms = now_ms;
        return Action::Heartbeat;
    }
    Action::Nothing
}

fn decide_voter(
    tick: &mut GroupTick,
    view: &GroupView,
    timings: &RaftTimings,
    now_ms: u64,
    jitter: u64,
) -> Action {
    tick.quiesced = false;
    if !view.initialized {
        return Action::Nothing;
    }
    let cause = match view.leader {
        Some(LeaderView { alive: true, claim_age_ms: Some(age) })
            if age <= millis(timings.claim_timeout) =>
        {
            tick.cause = None;
            return Action::Nothing;
        }
        Some(LeaderView { alive: true, claim_age_ms: None }) => Cause::Unclaimed,
        Some(LeaderView { .. }) => Cause::Gone,
        None => Cause::Never,
    };
    if tick.cause != Some(cause) {
        tick.cause = Some(cause);
        let first_wait = cause.first_wait_ms(view.rank, timings);
        tick.next_campaign_ms = now_ms + first_wait + jitter % RANK_STEP_DEAD_MS;
    }
    if now_ms < tick.next_campaign_ms {
        return Action::Nothing;
    }
    tick.next_campaign_ms = now_ms + CAMPAIGN_RETRY_MS + jitter % CAMPAIGN_RETRY_MS;
    Action::Campaign
}

#[cfg(test)]
mod tests;
