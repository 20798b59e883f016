//! Bugs that are put in on purpose, to prove that the tests of whole clusters find such bugs. They
//! are compiled in with the feature `planted-bugs` only, which no build that anybody runs has: else
//! [`is`] is a constant and the wrong lines vanish. One of them is chosen per process, by the
//! environment variable `RAMPART_PLANTED` or by `plant`. The node uses this file, too.
//!
//! Each bug is the smallest wrong line at the place where it could have been made. What finds it is
//! in `cluster-tests/src/planted.rs`.

/// One wrong line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// An append counts as synced before it is written.
    AckBeforeFsync,
    /// A vote is answered before it is synced.
    VoteNotSynced,
    /// A vote is never written.
    VoteForgotten,
    /// Offsets are counted in memory: a truncation doesn't set them back, and apply believes them.
    OffsetFromMemory,
    /// A leader answers about its end, and linearizable reads, without confirming that it leads.
    StaleLeaderReads,
    /// A leader serves what is not committed.
    ReadUncommitted,
    /// A snapshot is of the last applied entry: the log up to it is purged, retained records too.
    SnapshotAtLastApplied,
    /// A damaged replica starts with an empty log under the id that it had.
    ReusedReplicaId,
    /// A write whose entry was discarded is answered as done.
    OkAfterDiscard,
    /// What is read from the disk is not checked.
    CrcNotChecked,
    /// Ack -1 is given at the quorum.
    AckAllWithoutIsr,
    /// Ack 1 is given without its guard.
    AckOneUnguarded,
    /// A conflicting suffix is cut off in memory and stays on the disk.
    TruncateSkipped,
    /// A timeout is reported as not done.
    UnknownAsFailed,
    /// A write whose outcome is unknown is sent again.
    RetryOfUnknown,
    /// A trim takes one record too many.
    TrimTooFar,
    /// The log is cut above its start.
    CutTooFar,
    /// At a start, what was not yet applied is taken for a torn tail.
    LostOnRestart,
    /// At a start, all that is in the log is taken for applied.
    AppliedAheadOnRestart,
    /// A batch that a leader before wrote is written again.
    DuplicateAfterFailover,
    /// Whoever held a partition before settles its records still.
    OldTokenAccepted,
    /// A partition goes to its new holder before the old one let go, in the same epoch.
    TwoHolders,
    /// A record that is parked is passed over, and not kept.
    ParkedNotKept,
    /// A dead record is written without its number.
    DeadLetterUnnumbered,
    /// A member's acknowledgement is answered and not written.
    AckNotWritten,
    /// A record is done when it is delivered.
    CommitOnDelivery,
    /// Castle looks at the nodes anew only when one comes, and not when one goes.
    CastleNamesRemovedNode,
}

#[cfg(feature = "planted-bugs")]
mod chosen {
    use std::sync::OnceLock;

    use super::Bug;

    /// The variable that names the bug.
    const VARIABLE: &str = "RAMPART_PLANTED";

    static CHOSEN: OnceLock<Result<Option<Bug>, String>> = OnceLock::new();

    impl Bug {
        /// All of them.
        pub const ALL: [Bug; 27] = [
            Bug::AckBeforeFsync,
            Bug::VoteNotSynced,
            Bug::VoteForgotten,
            Bug::OffsetFromMemory,
            Bug::StaleLeaderReads,
            Bug::ReadUncommitted,
            Bug::SnapshotAtLastApplied,
            Bug::ReusedReplicaId,
            Bug::OkAfterDiscard,
            Bug::CrcNotChecked,
            Bug::AckAllWithoutIsr,
            Bug::AckOneUnguarded,
            Bug::TruncateSkipped,
            Bug::UnknownAsFailed,
            Bug::RetryOfUnknown,
            Bug::TrimTooFar,
            Bug::CutTooFar,
            Bug::LostOnRestart,
            Bug::AppliedAheadOnRestart,
            Bug::DuplicateAfterFailover,
            Bug::OldTokenAccepted,
            Bug::TwoHolders,
            Bug::ParkedNotKept,
            Bug::DeadLetterUnnumbered,
            Bug::AckNotWritten,
            Bug::CommitOnDelivery,
            Bug::CastleNamesRemovedNode,
        ];

        /// As the variable names it.
        pub const fn name(self) -> &'static str {
            match self {
                Bug::AckBeforeFsync => "ack-before-fsync",
                Bug::VoteNotSynced => "vote-not-synced",
                Bug::VoteForgotten => "vote-forgotten",
                Bug::OffsetFromMemory => "offset-from-memory",
                Bug::StaleLeaderReads => "stale-leader-reads",
                Bug::ReadUncommitted => "read-uncommitted",
                Bug::SnapshotAtLastApplied => "snapshot-at-last-applied",
                Bug::ReusedReplicaId => "reused-replica-id",
                Bug::OkAfterDiscard => "ok-after-discard",
                Bug::CrcNotChecked => "crc-not-checked",
                Bug::AckAllWithoutIsr => "ack-all-without-isr",
                Bug::AckOneUnguarded => "ack-one-unguarded",
                Bug::TruncateSkipped => "truncate-skipped",
                Bug::UnknownAsFailed => "unknown-as-failed",
                Bug::RetryOfUnknown => "retry-of-unknown",
                Bug::TrimTooFar => "trim-too-far",
                Bug::CutTooFar => "cut-too-far",
                Bug::LostOnRestart => "lost-on-restart",
                Bug::AppliedAheadOnRestart => "applied-ahead-on-restart",
                Bug::DuplicateAfterFailover => "duplicate-after-failover",
                Bug::OldTokenAccepted => "old-token-accepted",
                Bug::TwoHolders => "two-holders",
                Bug::ParkedNotKept => "parked-not-kept",
                Bug::DeadLetterUnnumbered => "dead-letter-unnumbered",
                Bug::AckNotWritten => "ack-not-written",
                Bug::CommitOnDelivery => "commit-on-delivery",
                Bug::CastleNamesRemovedNode => "castle-names-removed-node",
            }
        }
    }

    /// The bug of a name; none for the empty name.
    fn named(name: &str) -> Result<Option<Bug>, String> {
        if name.is_empty() {
            return Ok(None);
        }
        match Bug::ALL.into_iter().find(|bug| bug.name() == name) {
            Some(bug) => Ok(Some(bug)),
            None => {
                let known: Vec<_> = Bug::ALL.into_iter().map(Bug::name).collect();
                Err(format!("no bug is called {name:?}; there are: {}", known.join(", ")))
            }
        }
    }

    fn from_environment() -> Result<Option<Bug>, String> {
        let name = std::env::var(VARIABLE).unwrap_or_default();
        named(&name).map_err(|error| format!("{VARIABLE}: {error}"))
    }

    /// Chooses the bug of this process by its name, before anything asks; in the place of the
    /// variable.
    ///
    /// # Errors
    /// The name is unknown, or the choice was made before.
    pub fn plant(name: &str) -> Result<(), String> {
        let bug = named(name)?;
        CHOSEN.set(Ok(bug)).map_err(|_| "the bug of this process is chosen already".to_owned())
    }

    /// The bug of this process, for whoever starts a server.
    ///
    /// # Errors
    /// The variable names none that there is.
    pub fn chosen() -> Result<Option<&'static str>, String> {
        let chosen = CHOSEN.get_or_init(from_environment);
        chosen.clone().map(|bug| bug.map(Bug::name))
    }

    /// Whether this bug is planted.
    pub fn is(bug: Bug) -> bool {
        matches!(CHOSEN.get_or_init(from_environment), Ok(Some(planted)) if *planted == bug)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn every_bug_is_found_by_its_name_and_no_other_name_is_one() {
            for bug in Bug::ALL {
                assert_eq!(named(bug.name()), Ok(Some(bug)));
            }
            assert_eq!(named(""), Ok(None));
            assert!(named("ack").unwrap_err().contains("ack-before-fsync"));
        }
    }
}

#[cfg(feature = "planted-bugs")]
pub use chosen::{chosen, is, plant};

/// Whether this bug is planted: never, in this build.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub const fn is(_: Bug) -> bool {
    false
}

/// The bug of this process: none, in this build.
///
/// # Errors
/// None.
#[cfg(not(feature = "planted-bugs"))]
pub const fn chosen() -> Result<Option<&'static str>, String> {
    Ok(None)
}
