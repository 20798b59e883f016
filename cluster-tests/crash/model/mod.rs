//! What a store must hold after a crash. All groups of a node write through one queue into one
//! write-ahead log, so what is left after a power cut is the outcome of some first part of the
//! steps, in the order they were issued, and at least of those up to the last that was acknowledged.
//! That one sentence forbids lost entries and votes, votes that go back, entries that nobody wrote,
//! holes, and halves of steps. `[pure]`

mod group;
mod step;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use group::{Entry, FoundGroup, Group, LogId, Vote};
pub(crate) use step::{NewEntry, Step};

/// All that was found in a store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// The node's own counter.
    pub(crate) boot: u64,
    /// Its groups.
    pub(crate) groups: BTreeMap<u64, FoundGroup>,
    /// What does not fit together within it.
    pub(crate) complaints: Vec<String>,
}

/// All that a store must hold at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) boot: u64,
    pub(crate) groups: BTreeMap<u64, Group>,
}

impl State {
    /// The state after a step.
    pub(crate) fn take(&mut self, group: u64, step: &Step) {
        match step {
            Step::Boot { number } => self.boot = *number,
            Step::Create { replica } => {
                self.groups.insert(group, Group { replica: *replica, ..Group::default() });
            }
            Step::Drop => {
                self.groups.remove(&group);
            }
            _ => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.take(step);
                }
            }
        }
    }

    /// What is not as it must be, if anything.
    pub(crate) fn difference(&self, found: &Found) -> Option<String> {
        if self.boot != found.boot {
            return Some(format!("the node's counter is {}, not {}", found.boot, self.boot));
        }
        if let Some(stranger) = found.groups.keys().find(|id| !self.groups.contains_key(id)) {
            return Some(format!("group {stranger} is there"));
        }
        self.groups.iter().find_map(|(id, group)| match found.groups.get(id) {
            Some(found) => group.difference(found).map(|what| format!("group {id}: {what}")),
            None => Some(format!("group {id} is gone")),
        })
    }
}

impl From<&Found> for State {
    fn from(found: &Found) -> Self {
        let groups = found.groups.iter().map(|(id, group)| (*id, Group::from(group))).collect();
        State { boot: found.boot, groups }
    }
}

/// A known state and the steps since.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct History {
    base: State,
    steps: Vec<(u64, u64, Step)>,
    /// So many of them are certainly durable.
    durable: usize,
}

impl History {
    /// A step was issued.
    pub(crate) fn begun(&mut self, id: u64, group: u64, step: Step) {
        self.steps.push((id, group, step));
    }

    /// A step was acknowledged, and with it all that were issued before it.
    pub(crate) fn acknowledged(&mut self, id: u64, at: Option<LogId>) {
        let Some(place) = self.steps.iter().position(|(step, ..)| *step == id) else { return };
        self.durable = self.durable.max(place + 1);
        if let Step::Snapshot { at: known } = &mut self.steps[place].2 {
            *known = at;
        }
    }

    /// Steps issued so far.
    pub(crate) fn steps(&self) -> usize {
        self.steps.len()
    }

    /// The same history, of which the first so many steps are certainly durable.
    pub(crate) fn durable_up_to(mut self, steps: usize) -> History {
        self.durable = steps.min(self.steps.len());
        self
    }

    /// Whether both begin with the same state.
    pub(crate) fn begins_like(&self, other: &History) -> bool {
        self.base == other.base
    }

    /// Whether what was found is what some first part of the steps leaves, no shorter than what was
    /// acknowledged; answers how many steps beyond that are in it.
    pub(crate) fn check(&self, found: &Found) -> Result<usize, String> {
        if let Some(complaint) = found.complaints.first() {
            return Err(complaint.clone());
        }
        let mut state = self.base.clone();
        let (acknowledged, open) = self.steps.split_at(self.durable);
        for (_, group, step) in acknowledged {
            state.take(*group, step);
        }
        let Some(least) = state.difference(found) else { return Ok(0) };
        let mut most = least.clone();
        for (more, (_, group, step)) in open.iter().enumerate() {
            state.take(*group, step);
            match state.difference(found) {
                None => return Ok(more + 1),
                Some(difference) => most = difference,
            }
        }
        Err(format!(
            "no first part of the {} steps after {} acknowledged ones leaves this; after those: \
             {least}; after all: {most}",
            open.len(),
            acknowledged.len()
        ))
    }

    /// Begins anew: what was found once by a store that had recovered must stay.
    pub(crate) fn rebase(&mut self, found: &Found) {
        *self = History { base: State::from(found), ..History::default() };
    }

    /// The steps that were not acknowledged.
    pub(crate) fn open_steps(&self) -> usize {
        self.steps.len() - self.durable
    }
}
