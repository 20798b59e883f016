//! Processes that end and start again, and what is on their disks meanwhile.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use rampart_api::model::ids::GroupId;
use rampart_cluster_tests::history::{Event, Function};
use rampart_node::stop::StopKind;
use rampart_raft_store::inspect::Inspector;
use rampart_raft_store::{Crash, GroupKind, MemoryFaults, Store};

use super::{Fault, PowerLoss};
use crate::dice::Dice;
use crate::world::shared::lock;
use crate::world::{World, name};

/// A process that has ended by itself is started again after this.
const RESTART: Duration = Duration::from_millis(700);

/// Processes that are not running.
#[derive(Debug, Default)]
pub(super) struct Processes {
    /// With the moment at which somebody starts them again, unless a fault ends first.
    down: BTreeMap<usize, Option<Duration>>,
    /// Hosts whose next write fails, or just did.
    bad_disks: Vec<usize>,
}

impl Processes {
    /// A fault begins.
    pub(super) fn begin(&mut self, world: &mut World, fault: &Fault) {
        match fault {
            Fault::Crash(hosts, loss) => {
                for host in hosts {
                    self.take_down(world, *host, *loss, None);
                }
            }
            Fault::ClockJump(host, skew_ms) => {
                self.take_down(world, *host, PowerLoss::Kept, None);
                *lock(&world.shared().hosts()[*host].skew_ms) = *skew_ms;
            }
            Fault::BitFlip(host) => {
                if self.take_down(world, *host, PowerLoss::Lost, None) {
                    flip_bit(world, *host);
                }
            }
            Fault::Wipe(host) => {
                self.take_down(world, *host, PowerLoss::Lost, None);
                world.shared().hosts()[*host].wipe();
            }
            Fault::BadRead(host) => {
                let disk = world.shared().hosts()[*host].disk();
                if let Some((group, index)) =
                    any_entry(&disk, &world.shared().dice().of("bad read"))
                {
                    disk.fail_read_of(group, index);
                }
            }
            Fault::BadWrite(host) => {
                world.shared().hosts()[*host].disk().fail_writes(io::ErrorKind::Other);
                self.bad_disks.push(*host);
            }
            Fault::Split(_)
            | Fault::OneWay(..)
            | Fault::Ring
            | Fault::Bridge(_)
            | Fault::SlowLink(..)
            | Fault::Stall(_)
            | Fault::SlowSync(..)
            | Fault::DiskFull(_) => {}
        }
    }

    /// A fault ends.
    pub(super) fn end(&mut self, world: &mut World, fault: &Fault) {
        match fault {
            Fault::Crash(hosts, _) => {
                for host in hosts {
                    self.bring_up(world, *host);
                }
            }
            Fault::ClockJump(host, _) | Fault::BitFlip(host) | Fault::Wipe(host) => {
                self.bring_up(world, *host);
            }
            Fault::BadWrite(host) | Fault::BadRead(host) => {
                world.shared().hosts()[*host].disk().repair();
            }
            Fault::Split(_)
            | Fault::OneWay(..)
            | Fault::Ring
            | Fault::Bridge(_)
            | Fault::SlowLink(..)
            | Fault::Stall(_)
            | Fault::SlowSync(..)
            | Fault::DiskFull(_) => {}
        }
    }

    /// Sees to processes that have ended by themselves, as systemd would.
    pub(super) fn look_after(&mut self, world: &mut World) {
        for host in 0..world.shared().hosts().len() {
            let Some(reason) = world.shared().hosts()[host].take_end() else { continue };
            let event = Event::new(0, Function::Mark);
            world.shared().recorder().note(Event {
                kind: Some("process_ended".to_owned()),
                detail: Some(format!("{}: {reason}", name(host))),
                ..event
            });
            if reason.kind != StopKind::Storage || !self.bad_disks.contains(&host) {
                let why = format!("{} ended by itself: {:?} {reason}", name(host), reason.kind);
                world.shared().violate(why);
            }
            world.shared().hosts()[host].disk().repair();
            let restart = world.elapsed() + RESTART;
            self.take_down(world, host, PowerLoss::Lost, Some(restart));
        }
        let now = world.elapsed();
        let due = |at: &Option<Duration>| at.is_some_and(|at| at <= now);
        let due: Vec<usize> =
            self.down.iter().filter(|(_, at)| due(at)).map(|(host, _)| *host).collect();
        for host in due {
            self.bring_up(world, host);
        }
    }

    /// Ends a process; false if there was none.
    fn take_down(
        &mut self,
        world: &mut World,
        host: usize,
        loss: PowerLoss,
        restart: Option<Duration>,
    ) -> bool {
        if self.down.contains_key(&host) {
            return false;
        }
        self.down.insert(host, restart);
        let shared = world.shared().clone();
        shared.hosts()[host].set_door(None);
        world.sim().crash(name(host));
        shared.hosts()[host].disk().crash(match loss {
            PowerLoss::Kept => Crash::Torn { survivors: usize::MAX },
            PowerLoss::Lost => Crash::LoseUnsynced,
            PowerLoss::Torn(survivors) => Crash::Torn { survivors },
        });
        true
    }

    fn bring_up(&mut self, world: &mut World, host: usize) {
        if self.down.remove(&host).is_some() {
            world.sim().bounce(name(host));
        }
    }
}

/// Damages one entry of a partition on a disk that nobody uses.
fn flip_bit(world: &World, host: usize) {
    let disk = world.shared().hosts()[host].disk();
    let dice = world.shared().dice().of("bit flip");
    let Some((group, index)) = any_entry(&disk, &dice) else { return };
    disk.flip_bit(group, index);
    let event = Event::new(0, Function::Mark);
    world.shared().recorder().note(Event {
        kind: Some("bit_flipped".to_owned()),
        detail: Some(format!("{}: entry {index} of group {group}", name(host))),
        ..event
    });
}

/// An entry of a partition by lot, if there is any that is known to be synced: on this disk, where
/// appends tear, nobody can tell a damaged entry above the mark from a torn one, which was never
/// acknowledged and is cut.
fn any_entry(disk: &MemoryFaults, dice: &Dice) -> Option<(GroupId, u64)> {
    let groups = Inspector::of(&Store::in_memory(disk.clone())).groups().ok()?;
    let logs: Vec<_> = groups
        .iter()
        .filter(|report| report.kind == GroupKind::Partition)
        .filter_map(|report| {
            let ((first, last), mark) = (report.indexes?, report.synced_mark?);
            (first <= mark).then_some((report.group, (first, last.min(mark))))
        })
        .collect();
    if logs.is_empty() {
        return None;
    }
    let (group, (first, last)) = dice.pick(&logs);
    Some((group, first + dice.below(last - first + 1)))
}
