//! Tables of what the ticker does; no runtime, no clock.

use super::*;

const TIMINGS: fn() -> RaftTimings = RaftTimings::default;

fn follower(leader: Option<LeaderView>, rank: u32) -> GroupView {
    GroupView {
        role: Role::Voter,
        initialized: true,
        leader,
        rank,
        idle_ms: 0,
        all_matched: false,
        has_living_majority: false,
        has_lease: false,
        quorum_ack_age_ms: None,
    }
}

fn leader(idle_ms: u64, all_matched: bool) -> GroupView {
    GroupView {
        role: Role::Leader,
        initialized: true,
        leader: None,
        rank: 0,
        idle_ms,
        all_matched,
        has_living_majority: true,
        has_lease: true,
        quorum_ack_age_ms: Some(10),
    }
}

/// Times at which a view that stays the same leads to an action, within a second.
fn actions(view: &GroupView, from_ms: u64) -> Vec<(u64, Action)> {
    let mut tick = GroupTick::default();
    (0..20)
        .map(|step| from_ms + step * 50)
        .map(|now| (now - from_ms, decide(&mut tick, view, &TIMINGS(), now, 0)))
        .filter(|(_, action)| *action != Action::Nothing)
        .collect()
}

#[test]
fn a_follower_of_a_living_leader_stays_quiet() {
    let view = follower(Some(LeaderView { alive: true, claim_age_ms: Some(900) }), 0);
    assert_eq!(actions(&view, 10_000), vec![]);
}

#[test]
fn a_follower_of_a_dead_leader_campaigns_and_asks_again() {
    let view = follower(Some(LeaderView { alive: false, claim_age_ms: Some(10) }), 0);
    let times: Vec<u64> = actions(&view, 10_000).iter().map(|(at, _)| *at).collect();
    assert_eq!(times[0], 0);
    assert!(times.windows(2).all(|w| w[1] - w[0] >= 100), "{times:?}");
    assert!(times.len() >= 8, "level-triggered: {times:?}");
}

#[test]
fn the_next_in_the_placement_campaigns_later() {
    for rank in 1..4 {
        let view = follower(Some(LeaderView { alive: false, claim_age_ms: None }), rank);
        let first = actions(&view, 10_000)[0].0;
        assert!(first >= u64::from(rank) * 30, "rank {rank} at {first}");
    }
}

#[test]
fn a_leader_that_stopped_claiming_is_challenged_in_order_of_rank() {
    for rank in 0..3 {
        let view = follower(Some(LeaderView { alive: true, claim_age_ms: Some(2_900) }), rank);
        assert_eq!(actions(&view, 10_000), vec![], "its claim is fresh enough");
        let view = follower(Some(LeaderView { alive: true, claim_age_ms: Some(3_100) }), rank);
        let first = actions(&view, 10_000)[0].0;
        assert!(first >= u64::from(rank) * 30 && first <= 100, "rank {rank} at {first}");
    }
}

#[test]
fn a_leader_that_never_claimed_is_challenged_after_the_claim_timeout() {
    let mut tick = GroupTick::default();
    let view = follower(Some(LeaderView { alive: true, claim_age_ms: None }), 0);
    assert_eq!(decide(&mut tick, &view, &TIMINGS(), 10_000, 0), Action::Nothing);
    assert_eq!(decide(&mut tick, &view, &TIMINGS(), 12_900, 0), Action::Nothing);
    assert_eq!(decide(&mut tick, &view, &TIMINGS(), 13_000, 0), Action::Campaign);
}

#[test]
fn a_leader_that_dies_before_it_claimed_is_challenged_at_once() {
    let mut tick = GroupTick::default();
    let alive = follower(Some(LeaderView { alive: true, claim_age_ms: None }), 1);
    assert_eq!(decide(&mut tick, &alive, &TIMINGS(), 10_000, 0), Action::Nothing);
    let dead = follower(Some(LeaderView { alive: false, claim_age_ms: None }), 1);
    assert_eq!(decide(&mut tick, &dead, &TIMINGS(), 10_500, 0), Action::Nothing);
    assert_eq!(decide(&mut tick, &dead, &TIMINGS(), 10_550, 0), Action::Campaign);
}

#[test]
fn a_group_without_membership_never_campaigns() {
    let view = GroupView { initialized: false, ..follower(None, 0) };
    assert_eq!(actions(&view, 0), vec![]);
}

#[test]
fn a_working_leader_beats_at_its_interval() {
    let times: Vec<u64> = actions(&leader(0, true), 10_000).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, vec![0, 150, 300, 450, 600, 750, 900]);
}

#[test]
fn an_idle_leader_falls_quiet_only_when_all_have_everything() {
    assert_eq!(actions(&leader(20_000, true), 10_000), vec![]);
    assert!(!actions(&leader(20_000, false), 10_000).is_empty());
}

#[test]
fn a_leader_that_is_cut_off_never_falls_quiet() {
    let idle = leader(20_000, true);
    let alone = GroupView { has_living_majority: false, ..idle };
    assert!(!actions(&alone, 10_000).is_empty(), "the others are dead");
    let unheard = GroupView { has_lease: false, quorum_ack_age_ms: Some(700), ..idle };
    assert!(!actions(&unheard, 10_000).is_empty(), "its lease ran out while it was awake");
    let mut tick = GroupTick::default();
    decide(&mut tick, &idle, &TIMINGS(), 10_000, 0);
    let resting = GroupView { has_lease: false, quorum_ack_age_ms: Some(60_000), ..idle };
    assert_eq!(decide(&mut tick, &resting, &TIMINGS(), 70_000, 0), Action::Nothing);
    assert!(tick.quiesced, "the lease of a quiet leader runs out");
    decide(&mut tick, &GroupView { has_living_majority: false, ..resting }, &TIMINGS(), 70_050, 0);
    assert!(!tick.quiesced, "the others died while it was quiet");
}

#[test]
fn a_quiet_leader_beats_at_once_when_it_wakes() {
    let mut tick = GroupTick::default();
    decide(&mut tick, &leader(20_000, true), &TIMINGS(), 10_000, 0);
    assert!(tick.quiesced);
    let woken = GroupView { has_lease: false, quorum_ack_age_ms: Some(60_000), ..leader(0, true) };
    assert_eq!(decide(&mut tick, &woken, &TIMINGS(), 10_050, 0), Action::Heartbeat);
}

#[test]
fn a_leader_without_a_quorum_probes_slowly() {
    let view = GroupView { has_lease: false, quorum_ack_age_ms: Some(5_000), ..leader(0, false) };
    let times: Vec<u64> = actions(&view, 10_000).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, vec![0]);
}
