//! The groups of a history: takes what their members ask and are told, and hands it to the properties
//! that are about it. What a member said is known from the moment at which it began to say it; what
//! it was told, from the end.

use std::collections::BTreeMap;

use super::answer::read_value;
use super::findings::Findings;
use super::group::{Claim, Dead, Group};
use super::property::Property::{P2, P3};
use super::state::State;
use super::write::{seconds, when};
use super::{at_least_once, committed_offsets, dead_letter, group_exclusivity, monotonic_poll};
use crate::history::event::{Event, Function, Phase};
use crate::history::group::{Delivery, Said, Settled};

/// All groups, by name.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_name: BTreeMap<String, Group>,
    /// Records in members' hands, each time counted.
    pub(super) deliveries: u64,
    /// Records that members spoke of and were told what came of it.
    pub(super) settled: u64,
}

/// An answer, as the rules about groups see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) event: &'a Event,
    /// Line and time of the question.
    pub(super) asked: u32,
    pub(super) asked_at: u64,
    /// Line of the answer.
    pub(super) line: u32,
    /// Whether all clocks are right: then what is due is due.
    pub(super) clocks_are_right: bool,
}

impl Told<'_> {
    /// Who asked, and when.
    pub(super) fn when(&self) -> String {
        when(self.event)
    }
}

/// One record of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) told: Told<'a>,
    pub(super) delivery: &'a Delivery,
    /// Name of its partition.
    pub(super) partition: &'a str,
    /// The group's name.
    pub(super) group: &'a str,
}

impl Record<'_> {
    /// Which record of which group, for a message.
    pub(super) fn text(&self) -> String {
        let Delivery { offset, value, attempt, .. } = self.delivery;
        let (group, partition) = (self.group, self.partition);
        format!("{group}: {value} at {offset} of {partition}, delivery {attempt}")
    }
}

impl Groups {
    fn group(&mut self, event: &Event) -> Option<&mut Group> {
        let name = event.group.as_deref()?;
        if !self.by_name.contains_key(name) {
            self.by_name.insert(name.to_owned(), Group::new(name));
        }
        self.by_name.get_mut(name)
    }

    /// A question begins.
    pub(super) fn begin(&mut self, event: &Event, state: &mut State) {
        let Some(group) = self.group(event) else { return };
        match event.f {
            Function::Settle => {
                for delivery in &event.deliveries {
                    let at = state.partition_named(&delivery.topic, delivery.partition);
                    group.claim(at).fate(delivery.offset).is_spoken_of(delivery.said);
                }
            }
            Function::Commit => {
                let at = state.partition_of(event);
                let claim = at.map(|at| group.claim(at));
                if let (Some(claim), Some(offset)) = (claim, event.offset) {
                    claim.said_below = claim.said_below.max(offset);
                }
            }
            Function::Reset => group.was_reset = true,
            _ => {}
        }
    }

    /// A question is answered, or refused.
    pub(super) fn end(&mut self, told: Told<'_>, state: &mut State, findings: &mut Findings) {
        let event = told.event;
        if event.f == Function::Settle && event.phase != Phase::Unknown {
            let Some(group) = self.group(event) else { return };
            let settled = settled(group, told, state, findings);
            self.settled += settled;
            return;
        }
        if event.phase != Phase::Ok {
            return;
        }
        let Some(group) = self.group(event) else { return };
        match event.f {
            Function::Poll => {
                polled(group, told, state, findings);
                self.deliveries += event.deliveries.len() as u64;
            }
            Function::Commit => committed(group, told, state, findings),
            Function::Progress => progressed(group, told, state, findings),
            Function::DeadLetters => dead_letters(group, event, state, findings),
            Function::Mark => mark(group, event),
            _ => {}
        }
    }

    /// There is nothing more; answers why that may say too little.
    pub(super) fn at_end(&self, state: &State, findings: &mut Findings) -> Vec<String> {
        let mut undecided = Vec::new();
        for group in self.by_name.values() {
            at_least_once::at_end(group, state, findings);
            dead_letter::at_end(group, state, findings);
            let was_read = group.claims.values().any(|claim| !claim.records.is_empty());
            if was_read && !group.is_drained && !group.was_reset {
                undecided.push(format!("the group {} was not drained", group.name));
            } else if was_read && group.attempts_max.is_some() && !group.dead_was_read {
                undecided.push(format!("the dead letters of {} were not read", group.name));
            }
        }
        undecided
    }
}

fn mark(group: &mut Group, event: &Event) {
    match event.kind.as_deref() {
        Some("group") => {
            group.is_from_earliest = event.spec.as_deref() == Some("earliest");
            group.attempts_max = event.detail.as_deref().and_then(|text| text.parse().ok());
        }
        Some("drained") => group.is_drained = true,
        _ => {}
    }
}

fn polled(group: &mut Group, told: Told<'_>, state: &mut State, findings: &mut Findings) {
    let (event, member) = (told.event, group.member(told.event));
    group_exclusivity::on_generation(group, told, findings);
    if let Some(generation) = event.generation {
        for held in &event.assignment {
            let at = state.partition_named(&held.topic, held.partition);
            let name = &state.partitions[at as usize].name;
            let owned = (generation, member);
            group_exclusivity::on_assignment(group, (at, name), owned, told, findings);
        }
        group.generation.raise(told.line, generation);
    }
    monotonic_poll::on_deliveries(told, findings);
    for delivery in &event.deliveries {
        let at = state.partition_named(&delivery.topic, delivery.partition);
        note_value(state, (at, delivery), told, findings);
        let partition = &state.partitions[at as usize].name;
        let was_reset = group.was_reset;
        let claim = group.claims.entry(at).or_default();
        let record = Record { told, delivery, partition, group: &group.name };
        group_exclusivity::on_delivery(claim, record, member, findings);
        if !was_reset {
            delivered(claim, record, findings);
        }
        claim.fate(delivery.offset).deliveries += 1;
    }
}

fn delivered(claim: &Claim, record: Record<'_>, findings: &mut Findings) {
    // What was acknowledged and comes again may be below the committed offset: that is one thing.
    if !committed_offsets::on_delivery(claim, record, findings) {
        monotonic_poll::on_delivery(claim, record, findings);
    }
    dead_letter::on_delivery(claim, record, findings);
}

/// A member has read a record: it has one value, which somebody has sent.
fn note_value(
    state: &mut State,
    (at, delivery): (u32, &Delivery),
    told: Told<'_>,
    findings: &mut Findings,
) {
    let (id, is_new, is_whole) = read_value(&mut state.values, &delivery.value);
    let (offset, value) = (delivery.offset, &delivery.value);
    findings.facts(P3, 1);
    if is_new {
        let when = told.when();
        findings.violation(P3, || {
            format!("{value} is at {offset}, and nobody has sent it; delivered to {when}")
        });
    }
    let partition = &mut state.partitions[at as usize];
    let before = partition.seen.put(offset, id).filter(|before| *before != id);
    if before.is_some() || !is_whole {
        let (name, when) = (&partition.name, told.when());
        let before = before.map_or("nothing", |before| state.values.text(before));
        findings.violation(P2, || {
            format!("{name}: {offset} was {before} and then {value}, delivered to {when}")
        });
    }
}

/// What a member was told of records that it spoke of; answers of how many.
fn settled(group: &mut Group, told: Told<'_>, state: &mut State, findings: &mut Findings) -> u64 {
    let is_ok = told.event.phase == Phase::Ok;
    for delivery in &told.event.deliveries {
        let at = state.partition_named(&delivery.topic, delivery.partition);
        let claim = group.claims.entry(at).or_default();
        let fate = claim.fate(delivery.offset);
        // A node repeats what its coordinator did not answer: then it is this one's own first attempt
        // that has settled the record, perhaps, and nobody is ever told.
        let may_be_its_own = delivery.result == Some(Settled::AlreadySettled);
        if delivery.said == Some(Said::Ack) && !may_be_its_own {
            fate.acks_open = fate.acks_open.saturating_sub(1);
        }
        let Some(result) = delivery.result.filter(|_| is_ok) else { continue };
        match result {
            Settled::Acked => fate.acked = fate.acked.or(Some(told.line)),
            Settled::Gone => fate.is_gone = true,
            Settled::Parked => {
                let delay = delivery.delay_ms.unwrap_or(0).saturating_mul(1_000_000);
                fate.not_before = told.asked_at.saturating_add(delay);
                fate.not_before_since = delivery.epoch.unwrap_or(0);
            }
            Settled::AlreadySettled | Settled::Dying | Settled::InPlace => {}
        }
        let partition = &state.partitions[at as usize].name;
        let record = Record { told, delivery, partition, group: &group.name };
        group_exclusivity::on_settled(claim, record, findings);
    }
    if is_ok { told.event.deliveries.len() as u64 } else { 0 }
}

fn committed(group: &mut Group, told: Told<'_>, state: &mut State, findings: &mut Findings) {
    group_exclusivity::on_commit(group, told, findings);
    let at = state.partition_of(told.event);
    if let (Some(at), Some(offset)) = (at, told.event.offset) {
        group.claim(at).committed.raise(told.line, offset);
    }
}

fn progressed(group: &mut Group, told: Told<'_>, state: &mut State, findings: &mut Findings) {
    for progress in &told.event.progress {
        let Some(committed) = progress.committed else { continue };
        let at = state.partition_named(&progress.topic, progress.partition);
        let partition = &state.partitions[at as usize];
        if !group.was_reset {
            committed_offsets::on_progress(group, (at, partition), committed, (told, findings));
        }
        group.claim(at).committed.raise(told.line, committed);
    }
}

fn dead_letters(group: &mut Group, event: &Event, state: &mut State, findings: &mut Findings) {
    group.dead_was_read = true;
    for delivery in &event.deliveries {
        let at = state.partition_named(&delivery.topic, delivery.partition);
        let (id, is_new, _) = read_value(&mut state.values, &delivery.value);
        if is_new {
            findings.violation(P3, || {
                let (value, at) = (&delivery.value, seconds(event.time));
                format!("{}: {value} is dead, and nobody has sent it; read at {at}", group.name)
            });
        }
        let new = Dead { value: id, attempts: delivery.attempt, copies: 0 };
        group.dead.entry((at, delivery.offset)).or_insert(new).copies += 1;
    }
}
