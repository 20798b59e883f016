//! What goes wrong when: a plan that follows from the seed, the duration and the faults that are
//! possible, and from nothing else.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

/// Before the first fault, so that there is something to lose.
const WARM_UP_MS: u64 = 3_000;
/// Between the end of one fault and the next.
const CALM_MS: std::ops::RangeInclusive<u64> = 500..=2_500;
/// How long a fault lasts.
const HOLD_MS: std::ops::RangeInclusive<u64> = 1_500..=7_000;
/// Of a hundred faults, so many begin while the one before is in force.
const COMBINED_PERCENT: u32 = 35;

/// Between the end of what happens inside another fault and the end of that one.
const INSIDE_MS: u64 = 500;
/// Faults that begin and end by what an operator does, which takes a cluster that answers: others may
/// come and go while they last, but none is in force when they begin or end.
const ORDERLY: [&str; 4] = ["rolling-restart", "add-and-remove-node", "drain-node", "move-replica"];

/// One fault, from when to when since the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) fault: String,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
    /// For the choices that the fault makes itself.
    pub(crate) seed: u64,
}

/// The steps in the order in which they begin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
}

/// Something to do at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Action {
    pub(crate) at: Duration,
    /// Which step.
    pub(crate) step: usize,
    /// Whether it begins; else it ends.
    pub(crate) begins: bool,
}

impl Plan {
    /// Faults one after the other or overlapping, each kind once before any comes twice.
    pub(crate) fn new(seed: u64, duration: Duration, faults: &[String]) -> Plan {
        let mut plan = Plan::default();
        if faults.is_empty() {
            return plan;
        }
        let mut rng = StdRng::seed_from_u64(seed);
        let end = duration.as_millis() as u64;
        let mut deck: Vec<&String> = Vec::new();
        let mut from = WARM_UP_MS.min(end / 4);
        // When nothing is in force any more, and when the orderly one ends that is.
        let (mut calm, mut orderly) = (0, 0);
        loop {
            if deck.is_empty() {
                deck.extend(faults);
                deck.shuffle(&mut rng);
            }
            let Some(fault) = deck.pop() else { return plan };
            let is_orderly = ORDERLY.contains(&fault.as_str());
            let is_late = from < orderly && from + 2 * INSIDE_MS > orderly;
            if (is_orderly && from <= calm) || is_late {
                from = calm + rng.random_range(CALM_MS);
            }
            let mut to = from + rng.random_range(HOLD_MS).min((end / 4).max(1));
            if from < orderly {
                to = to.min(orderly - INSIDE_MS);
            }
            if to >= end {
                return plan;
            }
            calm = calm.max(to);
            orderly = if is_orderly { to } else { orderly };
            let (begin, stop) = (Duration::from_millis(from), Duration::from_millis(to));
            let seed = rng.random();
            plan.steps.push(Step { fault: fault.clone(), from: begin, to: stop, seed });
            let is_combined = rng.random_ratio(COMBINED_PERCENT, 100);
            from = match is_combined {
                true => rng.random_range(from + 1..=to),
                false => calm + rng.random_range(CALM_MS),
            };
        }
    }

    /// So many faults, spread over the duration, and none of them while another is in force; each
    /// lasts a good part of its share.
    pub(crate) fn spread(seed: u64, duration: Duration, faults: &[String], count: u32) -> Plan {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut deck = faults.to_vec();
        deck.shuffle(&mut rng);
        let end = duration.as_millis() as u64;
        let warm_up = WARM_UP_MS.min(end / 4);
        let share = (end - warm_up) / u64::from(count.max(1));
        let step = |(number, fault): (u64, &String)| {
            let from = warm_up + number * share + rng.random_range(0..=share / 4);
            let to = from + rng.random_range(share / 4..=share / 2).max(1);
            let (from, to) = (Duration::from_millis(from), Duration::from_millis(to));
            Step { fault: fault.clone(), from, to, seed: rng.random() }
        };
        Plan { steps: (0..u64::from(count)).zip(deck.iter().cycle()).map(step).collect() }
    }

    /// Beginnings and ends in the order of their times.
    pub(crate) fn actions(&self) -> Vec<Action> {
        let both = |(step, planned): (usize, &Step)| {
            [
                Action { at: planned.from, step, begins: true },
                Action { at: planned.to, step, begins: false },
            ]
        };
        let mut actions: Vec<Action> = self.steps.iter().enumerate().flat_map(both).collect();
        actions.sort_unstable();
        actions
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return writeln!(f, "no faults");
        }
        for (number, Step { fault, from, to, .. }) in self.steps.iter().enumerate() {
            let during = self.steps[..number].iter().rev().find(|before| before.to > *from);
            let during =
                during.map_or(String::new(), |other| format!("  (during {})", other.fault));
            let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
            writeln!(f, "{from:>7.1} s to {to:>6.1} s  {fault}{during}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_seed_repeats_its_plan_and_another_has_another() {
        let faults = names(&["a", "b", "c"]);
        let plan = |seed| Plan::new(seed, Duration::from_secs(120), &faults);
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn every_kind_comes_before_any_comes_twice_and_all_end_in_time() {
        let faults = names(&["a", "b", "c", "d"]);
        for seed in 0..50 {
            let duration = Duration::from_secs(300);
            let plan = Plan::new(seed, duration, &faults);
            let first: BTreeSet<&str> =
                plan.steps.iter().take(4).map(|step| step.fault.as_str()).collect();
            assert_eq!(first.len(), 4, "seed {seed}\n{plan}");
            assert!(plan.steps.iter().all(|step| step.from < step.to && step.to < duration));
            assert!(plan.steps.windows(2).all(|pair| pair[0].from <= pair[1].from));
        }
    }

    #[test]
    fn some_are_combined_and_some_are_not() {
        let plan = Plan::new(3, Duration::from_secs(600), &names(&["a", "b"]));
        let combined = plan.steps.windows(2).filter(|pair| pair[1].from < pair[0].to).count();
        assert!(combined > 5 && combined < plan.steps.len() - 5, "{plan}");
    }

    #[test]
    fn nothing_else_is_in_force_when_an_orderly_fault_begins_or_ends() {
        let faults = names(&["a", "b", "rolling-restart", "c", "drain-node"]);
        let mut inside = 0;
        for seed in 0..50 {
            let plan = Plan::new(seed, Duration::from_secs(300), &faults);
            let is_orderly = |step: &&Step| ORDERLY.contains(&step.fault.as_str());
            for orderly in plan.steps.iter().filter(is_orderly) {
                for other in plan.steps.iter().filter(|other| *other != orderly) {
                    for at in [orderly.from, orderly.to] {
                        assert!(at < other.from || other.to < at, "seed {seed}\n{plan}");
                    }
                    inside += usize::from(orderly.from < other.from && other.to < orderly.to);
                }
            }
        }
        assert!(inside > 10, "only {inside} happen inside");
    }

    #[test]
    fn so_many_faults_as_were_asked_for_are_spread_over_the_duration() {
        let faults = names(&["a", "b", "rolling-restart"]);
        for (seed, count) in (0..50).zip([1, 3, 7].into_iter().cycle()) {
            let duration = Duration::from_secs(60);
            let plan = Plan::spread(seed, duration, &faults, count);
            assert_eq!(plan.steps.len(), count as usize, "seed {seed}");
            let kinds: BTreeSet<&str> = plan.steps.iter().map(|step| &*step.fault).collect();
            assert_eq!(kinds.len(), faults.len().min(count as usize), "seed {seed}\n{plan}");
            assert!(plan.steps.windows(2).all(|pair| pair[0].to < pair[1].from), "{plan}");
            let last = plan.steps.last().map(|step| step.to);
            assert!(last.is_some_and(|to| to < duration), "{plan}");
        }
        assert_eq!(Plan::spread(1, Duration::from_secs(60), &[], 3), Plan::default());
    }

    #[test]
    fn a_short_run_has_faults_too_and_none_without_faults() {
        let short = Duration::from_secs(20);
        assert!(Plan::new(1, short, &names(&["a", "b"])).steps.len() >= 2);
        assert_eq!(Plan::new(1, short, &[]).steps, []);
    }

    #[test]
    fn actions_come_in_order_and_each_beginning_has_its_end() {
        let plan = Plan::new(9, Duration::from_secs(100), &names(&["a", "b"]));
        let actions = plan.actions();
        assert_eq!(actions.len(), plan.steps.len() * 2);
        assert!(actions.windows(2).all(|pair| pair[0].at <= pair[1].at));
        for step in 0..plan.steps.len() {
            let of: Vec<bool> =
                actions.iter().filter(|a| a.step == step).map(|a| a.begins).collect();
            assert_eq!(of, [true, false]);
        }
    }
}
