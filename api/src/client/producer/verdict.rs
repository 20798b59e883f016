//! `[pure]` What a refusal of an attempt means for its batch: send the same again, give up, or find
//! that its numbers lead nowhere.

use crate::client::ClientError;
use crate::client::moves::destination_of;
use crate::model::error_code::ErrorCode;
use crate::model::problem::Outcome;

/// What matters beside the refusal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    /// The batch is numbered: sent again, it is written once.
    pub(super) is_numbered: bool,
    /// When the attempt was sent, everything before the batch was decided.
    pub(super) was_first: bool,
    /// By the newest description of the topic the partition exists.
    pub(super) partition_exists: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is there; where, nobody remembers.
    Written,
    /// This attempt overtook something that comes first: send it again once that is decided.
    Overtaken,
    /// This attempt was not written, for the partition knows nothing that the batch could follow.
    OutOfPlace(Renewal),
    /// It was not written and never will be here: the topic goes on in another cluster.
    Elsewhere,
    /// Send the same again. Whether this attempt may have been written is the refusal's outcome.
    Again,
    /// Sending the same again can't help, or could write it twice.
    Final,
}

/// How a producer that is out of place begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewal {
    /// With the next epoch of its id.
    Epoch,
    /// With another id: somebody else has taken this one over.
    Id,
}

/// What an attempt's refusal means.
pub(super) fn judge(error: &ClientError, at: Circumstances) -> Verdict {
    let out_of_place = |renewal| match at.was_first {
        true => Verdict::OutOfPlace(renewal),
        false => Verdict::Overtaken,
    };
    match error.code().filter(|_| at.is_numbered) {
        Some(ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId) => {
            return out_of_place(Renewal::Epoch);
        }
        Some(ErrorCode::InvalidProducerEpoch) => return out_of_place(Renewal::Id),
        // Nobody but this lane numbers batches by this id and epoch.
        Some(ErrorCode::DuplicateSequence) => return Verdict::Written,
        _ => {}
    }
    let may_help = match error {
        // A partition that is sealed remembers what it wrote before. Without a destination the node
        // has not heard of it yet.
        ClientError::Problem { body, .. } if body.code == ErrorCode::TopicMoved => {
            if destination_of(body).is_some() {
                return Verdict::Elsewhere;
            }
            true
        }
        // A node that has not heard of new partitions.
        ClientError::Problem { body, .. } if body.code == ErrorCode::InvalidPartition => {
            at.partition_exists
        }
        ClientError::Problem { body, .. } => body.retriable || body.outcome == Outcome::Unknown,
        ClientError::Unreachable { .. }
        | ClientError::Interrupted { .. }
        | ClientError::Unexpected { .. } => true,
        ClientError::BadServer { .. } => false,
    };
    let is_safe = at.is_numbered || error.outcome() == Outcome::NotDone;
    if may_help && is_safe { Verdict::Again } else { Verdict::Final }
}

/// Whether the attempt may have been written. A producer that is unknown makes its batch doubtful
/// only if it was sent before; this attempt was refused.
pub(super) fn may_be_written(error: &ClientError) -> bool {
    error.outcome() == Outcome::Unknown && error.code() != Some(ErrorCode::UnknownProducerId)
}

/// Whether it can be one record of a batch that made the cluster refuse it.
pub(super) fn blames_a_record(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(
            ErrorCode::RecordTooLarge
                | ErrorCode::RequestTooLarge
                | ErrorCode::InvalidRequest
                | ErrorCode::CorruptBatch
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::problem::Problem;

    const FIRST: Circumstances =
        Circumstances { is_numbered: true, was_first: true, partition_exists: true };
    const BEHIND: Circumstances = Circumstances { was_first: false, ..FIRST };
    const PLAIN: Circumstances = Circumstances { is_numbered: false, ..FIRST };

    fn refused(code: ErrorCode) -> ClientError {
        ClientError::from(Problem::new(code, "no"))
    }

    fn unknown(code: ErrorCode) -> ClientError {
        ClientError::from(Problem::unknown(code, "perhaps"))
    }

    fn interrupted() -> ClientError {
        ClientError::Interrupted { server: "a".into(), reason: "cut".into() }
    }

    #[test]
    fn every_refusal_has_its_meaning() {
        use ErrorCode as E;
        use Verdict as V;
        let unreachable = || ClientError::Unreachable { tried: Vec::new() };
        let bad = || ClientError::BadServer { server: "a".into(), reason: "b".into() };
        let cases = [
            (refused(E::NotLeader), FIRST, V::Again),
            (refused(E::StorageFull), PLAIN, V::Again),
            (unreachable(), PLAIN, V::Again),
            (interrupted(), FIRST, V::Again),
            (interrupted(), PLAIN, V::Final),
            (unknown(E::Timeout), FIRST, V::Again),
            (unknown(E::Timeout), PLAIN, V::Final),
            (refused(E::TopicNotFound), FIRST, V::Final),
            (refused(E::RecordTooLarge), FIRST, V::Final),
            (bad(), FIRST, V::Final),
            (refused(E::InvalidPartition), FIRST, V::Again),
            (
                refused(E::InvalidPartition),
                Circumstances { partition_exists: false, ..FIRST },
                V::Final,
            ),
            (refused(E::OutOfOrderSequenceNumber), FIRST, V::OutOfPlace(Renewal::Epoch)),
            (refused(E::OutOfOrderSequenceNumber), BEHIND, V::Overtaken),
            (unknown(E::UnknownProducerId), FIRST, V::OutOfPlace(Renewal::Epoch)),
            (unknown(E::UnknownProducerId), BEHIND, V::Overtaken),
            (refused(E::InvalidProducerEpoch), FIRST, V::OutOfPlace(Renewal::Id)),
            (unknown(E::DuplicateSequence), BEHIND, V::Written),
        ];
        for (error, at, expected) in cases {
            assert_eq!(judge(&error, at), expected, "{error} {at:?}");
        }
    }

    #[test]
    fn only_an_attempt_without_an_answer_may_be_written() {
        assert!(may_be_written(&interrupted()));
        assert!(may_be_written(&unknown(ErrorCode::NotEnoughReplicasAfterAppend)));
        assert!(!may_be_written(&unknown(ErrorCode::UnknownProducerId)));
        assert!(!may_be_written(&refused(ErrorCode::NotLeader)));
    }
}
