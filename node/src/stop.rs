//! Why a node must not go on, as the process that runs it must know: the kind decides the exit code.

use std::fmt;

use tokio::sync::watch;

/// What kind of trouble ends the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopKind {
    /// A write or a sync failed: nothing may be acknowledged any more (INV-13).
    Storage,
    /// The cluster refuses this data directory: it is wiped, restored, copied or of another cluster.
    Refused,
    /// A part of the node that it can't be without has ended.
    Internal,
}

impl StopKind {
    /// The process's exit code, from `sysexits.h`: EX_IOERR, EX_CONFIG, EX_SOFTWARE.
    pub fn exit_code(self) -> u8 {
        match self {
            StopKind::Storage => 74,
            StopKind::Refused => 78,
            StopKind::Internal => 70,
        }
    }
}

/// Why a node must not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopReason {
    /// Decides the exit code.
    pub kind: StopKind,
    /// What happened, for people.
    pub what: String,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Says that the node must stop. Cheap to clone; the first reason counts.
#[derive(Debug, Clone)]
pub(crate) struct Stopper {
    reason: watch::Sender<Option<StopReason>>,
}

impl Stopper {
    pub(crate) fn new() -> (Stopper, watch::Receiver<Option<StopReason>>) {
        let (reason, heard) = watch::channel(None);
        (Stopper { reason }, heard)
    }

    pub(crate) fn stop(&self, kind: StopKind, what: impl Into<String>) {
        let what = what.into();
        self.reason.send_if_modified(|reason| {
            let is_first = reason.is_none();
            if is_first {
                *reason = Some(StopReason { kind, what });
            }
            is_first
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_counts_and_each_kind_has_its_code() {
        let (stopper, heard) = Stopper::new();
        stopper.stop(StopKind::Refused, "two of three refuse");
        stopper.stop(StopKind::Storage, "the disk went away meanwhile");
        let reason = heard.borrow().clone().unwrap();
        assert_eq!(
            (reason.kind.exit_code(), reason.to_string().as_str()),
            (78, "two of three refuse")
        );
        assert_eq!(StopKind::Storage.exit_code(), 74);
        assert_eq!(StopKind::Internal.exit_code(), 70);
    }
}
