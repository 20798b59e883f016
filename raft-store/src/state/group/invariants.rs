//! What is true of a state after every command. Checked by the tests of `apply` after each step.

use std::collections::{BTreeMap, BTreeSet};

use super::delivery::{Dying, Place};
use super::ids::ParkedId;
use super::state::{Group, GroupState, MemberPart, Protocol};

impl GroupState {
    /// Says what is wrong, if anything is.
    ///
    /// # Errors
    /// The first violated rule, naming the thing.
    pub fn check_invariants(&self) -> Result<(), String> {
        for (name, group) in &self.groups {
            group.check(name).map_err(|wrong| format!("group {name}: {wrong}"))?;
        }
        self.check_lanes()?;
        let full = self.directives.values().all(|directives| !directives.is_empty());
        ensure(full, || "a client without directives".into())?;
        let mut ids = self.directives.values().flat_map(|directives| directives.keys());
        ensure(ids.all(|id| id.0 < self.next_directive), || "a directive of the future".into())?;
        ensure(self.bytes == self.weighed(), || {
            format!("weighs {} and says {}", self.weighed(), self.bytes)
        })
    }

    /// Every dying record is in its lane once, and every lane's record is dying.
    fn check_lanes(&self) -> Result<(), String> {
        let mut producers = BTreeSet::new();
        let mut in_lanes: BTreeMap<(&str, ParkedId), Dying> = BTreeMap::new();
        for (into, lane) in &self.lanes.by_partition {
            ensure(producers.insert(lane.producer_id), || "two lanes of one producer".into())?;
            let mut next = lane.next_sequence;
            for record in lane.dying.iter().rev() {
                next = next.checked_sub(1).unwrap_or(i32::MAX as u32);
                ensure(record.sequence == next, || format!("lane {into}: a gap at {next}"))?;
                let (producer_id, sequence) = (lane.producer_id, record.sequence);
                let dying = Dying { into: *into, producer_id, sequence, dying_ms: 0 };
                let known = in_lanes.insert((&record.group, record.id), dying);
                ensure(known.is_none(), || format!("lane {into}: {:?} dies twice", record.id))?;
            }
        }
        for (name, group) in &self.groups {
            for (id, parked) in &group.parked {
                let lane = in_lanes.remove(&(name.as_str(), *id));
                let place = match parked.place {
                    Place::Dying(dying) => Some(Dying { dying_ms: 0, ..dying }),
                    Place::Waiting { .. } => None,
                };
                ensure(lane == place, || format!("group {name}: {id:?}: {lane:?}, {place:?}"))?;
            }
        }
        ensure(in_lanes.is_empty(), || format!("in a lane and not parked: {in_lanes:?}"))
    }
}

impl Group {
    fn check(&self, name: &str) -> Result<(), String> {
        ensure(self.bytes == self.weighed(name), || {
            format!("weighs {} and says {}", self.weighed(name), self.bytes)
        })?;
        self.check_members()?;
        self.check_slots()?;
        for (partition, progress) in &self.progress {
            let (settled, committed) = (&progress.settled, progress.committed);
            ensure(settled.is_sound(), || format!("{partition}: {settled:?}"))?;
            let above = settled.iter().next().is_none_or(|(start, _)| start > committed);
            ensure(above, || format!("{partition}: {committed} and {settled:?}"))?;
        }
        let mut resolved = self.resolved.values();
        ensure(resolved.all(|ranges| ranges.is_sound() && !ranges.is_empty()), || {
            format!("resolved: {:?}", self.resolved)
        })?;
        self.check_places()
    }

    fn check_members(&self) -> Result<(), String> {
        let is_classic = matches!(self.protocol, Protocol::Classic { .. });
        let mut parts = self.members.values().map(|member| &member.part);
        let fits = parts.all(|part| matches!(part, MemberPart::Classic { .. }) == is_classic);
        ensure(fits, || "a member of another protocol".into())?;
        match &self.protocol {
            Protocol::Classic { leader: Some(leader), .. } => {
                ensure(self.members.contains_key(leader), || "the leader is no member".into())
            }
            Protocol::Classic { leader: None, .. } | Protocol::Server => Ok(()),
        }
    }

    fn check_slots(&self) -> Result<(), String> {
        for (partition, slot) in &self.slots {
            let holder = self.members.contains_key(&slot.holder);
            ensure(holder, || format!("{partition} is held by a stranger"))?;
            let target = slot.target.as_ref().is_none_or(|t| self.members.contains_key(t));
            ensure(target, || format!("{partition} is a stranger's"))?;
            ensure(slot.epoch <= self.generation, || format!("{partition}: of the future"))?;
        }
        let is_server = self.protocol == Protocol::Server;
        ensure(is_server || self.slots.is_empty(), || "slots in a classic group".into())
    }

    /// INV-10: what is parked or dying is not to be delivered from its origin too.
    fn check_places(&self) -> Result<(), String> {
        for (id, parked) in &self.parked {
            ensure(id.0 < self.next_parked, || format!("{id:?} was not given"))?;
            let origin = self.progress.get(&parked.origin);
            let settled = origin.is_none_or(|progress| progress.is_settled(parked.offset));
            ensure(settled, || {
                format!("{}: INV-10: {} is parked and not settled", parked.origin, parked.offset)
            })?;
        }
        Ok(())
    }
}

fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(wrong()) }
}
