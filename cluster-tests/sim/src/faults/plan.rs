//! The faults of a run, by lot: what, when, whom, for how long. A pure function of the dice.

use std::time::Duration;

use crate::dice::Dice;

/// What becomes of what a process had not synced when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PowerLoss {
    /// The system has it: the process was killed, the machine goes on.
    Kept,
    /// Nothing of it is there.
    Lost,
    /// So many changes of it are there, and half of the next one.
    Torn(usize),
}

/// A fault. Hosts are numbered from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// These hosts and the others don't hear each other.
    Split(Vec<usize>),
    /// Nothing gets from the first to the second.
    OneWay(usize, usize),
    /// Each hears only its two neighbours.
    Ring,
    /// Two halves that have only this host in common.
    Bridge(usize),
    /// Messages between two hosts take up to so long.
    SlowLink(usize, usize, Duration),
    /// A host hears nobody and writes nothing, and then all at once.
    Stall(usize),
    /// Processes end at once, and start again at the end of the fault.
    Crash(Vec<usize>, PowerLoss),
    /// Syncs take so many milliseconds.
    SlowSync(usize, u32),
    /// The disk says that it has no room.
    DiskFull(usize),
    /// A write fails, and the process with it.
    BadWrite(usize),
    /// The process ends and starts again with its wall clock wrong by so much.
    ClockJump(usize, i64),
    /// A bit of an entry is flipped while the process is down.
    BitFlip(usize),
    /// One read of an entry fails.
    BadRead(usize),
    /// The machine comes back with nothing on its disk, as a new node at the old address.
    Wipe(usize),
}

/// A fault with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    /// After the faults began.
    pub(crate) at: Duration,
    /// Until it ends.
    pub(crate) lasts: Duration,
    /// What.
    pub(crate) fault: Fault,
}

/// All faults of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In order of their beginning.
    pub(crate) faults: Vec<Planned>,
    /// How long the time of faults is.
    pub(crate) total: Duration,
    /// Milliseconds that a healthy disk takes for a sync.
    pub(crate) sync_steps: u32,
    /// From when on leaderships are fought over instead, if they are.
    pub(crate) storm: Option<Duration>,
}

impl Fault {
    /// Whether a majority of each partition's three replicas goes on, if nothing else is wrong.
    pub(crate) fn leaves_majority(&self) -> bool {
        match self {
            Fault::Split(hosts) | Fault::Crash(hosts, _) => hosts.len() == 1,
            Fault::Stall(_)
            | Fault::BadWrite(_)
            | Fault::ClockJump(..)
            | Fault::BitFlip(_)
            | Fault::Wipe(_) => true,
            Fault::OneWay(..)
            | Fault::Ring
            | Fault::Bridge(_)
            | Fault::SlowLink(..)
            | Fault::SlowSync(..)
            | Fault::DiskFull(_)
            | Fault::BadRead(_) => false,
        }
    }

    /// What it is called in the history.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Fault::Split(_) => "partition",
            Fault::OneWay(..) => "partition_one_way",
            Fault::Ring => "partition_ring",
            Fault::Bridge(_) => "partition_bridge",
            Fault::SlowLink(..) => "slow_link",
            Fault::Stall(_) => "pause",
            Fault::Crash(_, PowerLoss::Kept) => "kill",
            Fault::Crash(_, PowerLoss::Lost) => "power_cut",
            Fault::Crash(_, PowerLoss::Torn(_)) => "torn_write",
            Fault::SlowSync(..) => "slow_sync",
            Fault::DiskFull(_) => "disk_full",
            Fault::BadWrite(_) => "write_error",
            Fault::ClockJump(..) => "clock_jump",
            Fault::BitFlip(_) => "bit_flip",
            Fault::BadRead(_) => "read_error",
            Fault::Wipe(_) => "wiped_disk",
        }
    }
}

impl Plan {
    /// Faults one after the other, now and then several at a time.
    pub(crate) fn draw(dice: &Dice, hosts: usize, total: Duration) -> Plan {
        let mut faults = Vec::new();
        let longest = dice.pick(&[500, 2_000, 4_000]);
        let rest = dice.pick(&[150, 800, 2_000]);
        let overlaps = dice.pick(&[0, 20, 60]);
        let mut at = dice.millis(200, 1_500);
        let mut has_flipped = false;
        while at + Duration::from_millis(500) < total {
            let fault = draw(dice, hosts, &mut has_flipped);
            let lasts = dice.millis(50, longest).min(total.saturating_sub(at));
            faults.push(Planned { at, lasts, fault });
            let is_alone = !dice.percent(overlaps);
            at += if is_alone { lasts } else { Duration::ZERO } + dice.millis(20, rest);
        }
        let storm = storm(&dice.of("storm"), total);
        if storm.is_none() {
            add_rare(&dice.of("rare"), hosts, total, &mut faults);
        }
        // It wants the stage for itself.
        faults.retain(|fault| storm.is_none_or(|from| fault.at + fault.lasts <= from));
        Plan { faults, total, sync_steps: dice.pick(&[1, 1, 3, 10]), storm }
    }

    /// The same without jumps of clocks: the processes are only killed. A parked record is due by its
    /// coordinator's wall clock, so where those are an hour apart nobody can say when it comes again.
    pub(crate) fn with_true_clocks(mut self) -> Plan {
        for planned in &mut self.faults {
            if let Fault::ClockJump(host, _) = planned.fault {
                planned.fault = Fault::Crash(vec![host], PowerLoss::Kept);
            }
        }
        self
    }
}

/// In one of five runs, most of the time of faults.
fn storm(dice: &Dice, total: Duration) -> Option<Duration> {
    dice.percent(20).then(|| total * u32::try_from(dice.below(50)).expect("it is small") / 100)
}

/// What happens once in a run, if at all.
fn add_rare(dice: &Dice, hosts: usize, total: Duration, faults: &mut Vec<Planned>) {
    let mut once = |fault: Fault, lasts: Duration| {
        let at = total * u32::try_from(5 + dice.below(60)).expect("it is small") / 100;
        faults.push(Planned { at, lasts: lasts.min(total - at), fault });
    };
    if dice.percent(20) {
        once(Fault::BadRead(dice.position(hosts)), dice.millis(1_000, 8_000));
    }
    if dice.percent(15) {
        once(Fault::Wipe(dice.position(hosts)), dice.millis(100, 4_000));
        // Two of three replicas gone are too many.
        faults.retain(|planned| !matches!(planned.fault, Fault::BitFlip(_)));
    }
    faults.sort_by_key(|planned| planned.at);
}

fn draw(dice: &Dice, hosts: usize, has_flipped: &mut bool) -> Fault {
    let host = dice.position(hosts);
    let other = (host + 1 + dice.position(hosts - 1)) % hosts;
    match dice.below(20) {
        0 | 1 => Fault::Split(vec![host]),
        2 => Fault::Split(dice.shuffled((0..hosts).collect())[..hosts / 2].to_vec()),
        3 | 4 => Fault::OneWay(host, other),
        5 => Fault::Ring,
        6 => Fault::Bridge(host),
        7 => Fault::SlowLink(host, other, dice.millis(50, 800)),
        8 | 9 => Fault::Stall(host),
        10..=13 => Fault::Crash(victims(dice, hosts), power_loss(dice)),
        14 | 15 => Fault::SlowSync(host, 10 + u32::try_from(dice.below(800)).unwrap_or(0)),
        16 => Fault::DiskFull(host),
        17 => Fault::BadWrite(host),
        18 if !*has_flipped => {
            *has_flipped = true;
            Fault::BitFlip(host)
        }
        _ => {
            let hour = 3_600_000;
            let minutes = i64::try_from(dice.below(120)).unwrap_or(0);
            Fault::ClockJump(host, minutes * 60_000 - hour)
        }
    }
}

/// One, a majority, or all.
fn victims(dice: &Dice, hosts: usize) -> Vec<usize> {
    let count = dice.pick(&[1, 1, hosts / 2 + 1, hosts]);
    dice.shuffled((0..hosts).collect())[..count].to_vec()
}

fn power_loss(dice: &Dice) -> PowerLoss {
    match dice.below(4) {
        0 => PowerLoss::Kept,
        1 | 2 => PowerLoss::Lost,
        _ => PowerLoss::Torn(1 + dice.position(6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_repeats_ends_in_time_and_differs_by_seed() {
        let total = Duration::from_secs(15);
        let draw = |seed| Plan::draw(&Dice::new(seed), 3, total);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        for seed in 0..200 {
            let plan = draw(seed);
            assert!(!plan.faults.is_empty() || plan.storm.is_some());
            assert!(plan.faults.iter().all(|fault| fault.at + fault.lasts <= total));
        }
    }
}
