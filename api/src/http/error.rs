//! `application/problem+json` (RFC 9457): the body of every refusal.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::castle_moves::MovedTo;
use super::produce::RecordResult;
use crate::model::error_code::ErrorCode;
use crate::model::ids::NodeId;
use crate::model::problem::{self, Outcome, Problem};

/// The media type of a refusal.
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// What was wrong, whether anything was done, and what to do next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// Names the kind of problem; `urn:rampart:error:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// HTTP status, here too.
    pub status: u16,
    /// What was wrong, naming the thing.
    pub detail: String,
    /// A stable word that programs may compare.
    #[schema(value_type = String, example = "NOT_LEADER")]
    pub code: ErrorCode,
    /// Whether the same request can succeed later or elsewhere.
    pub retriable: bool,
    /// Whether the work was certainly not done, or may have happened.
    #[schema(value_type = String, example = "not_done")]
    pub outcome: Outcome,
    /// What would be right, or what to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Milliseconds after which trying again makes sense; `Retry-After` in finer units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Node id of the leader to ask instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<u64>,
    /// The range that can be read, with an offset out of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_offsets: Option<ValidOffsets>,
    /// Where the topic goes on, with `TOPIC_MOVED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<Box<MovedTo>>,
    /// With status 207: what became of each record, in the order of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offsets: Option<Vec<RecordResult>>,
}

/// Offsets that a partition can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidOffsets {
    /// First record that can be read.
    pub log_start_offset: u64,
    /// One after the last; reading from here waits for the next record.
    pub high_watermark: u64,
}

impl From<&Problem> for ProblemBody {
    fn from(problem: &Problem) -> Self {
        let code = problem.code;
        ProblemBody {
            kind: format!("urn:rampart:error:{}", code.as_str()),
            title: code.as_str().to_ascii_lowercase().replace('_', " "),
            status: code.status(),
            detail: problem.detail.clone(),
            code,
            retriable: code.retriable(),
            outcome: problem.outcome,
            hint: problem.hint.clone(),
            retry_after_ms: problem.retry_after_ms,
            leader: problem.leader.map(|node| node.0),
            valid_offsets: problem.valid_offsets.map(|(log_start_offset, high_watermark)| {
                ValidOffsets { log_start_offset, high_watermark }
            }),
            moved_to: problem.moved_to.as_deref().map(|to| Box::new(to.into())),
            offsets: None,
        }
    }
}

impl From<Problem> for ProblemBody {
    fn from(problem: Problem) -> Self {
        ProblemBody::from(&problem)
    }
}

impl From<ProblemBody> for Problem {
    fn from(body: ProblemBody) -> Self {
        Problem {
            code: body.code,
            outcome: body.outcome,
            detail: body.detail,
            hint: body.hint,
            retry_after_ms: body.retry_after_ms,
            leader: body.leader.map(NodeId),
            valid_offsets: body
                .valid_offsets
                .map(|range| (range.log_start_offset, range.high_watermark)),
            moved_to: body.moved_to.map(|to| Box::new((*to).into())),
        }
    }
}

impl From<&problem::MovedTo> for MovedTo {
    fn from(to: &problem::MovedTo) -> Self {
        let problem::MovedTo { cluster, servers, id, sealed_at } = to.clone();
        MovedTo { cluster, servers, id, sealed_at }
    }
}

impl From<MovedTo> for problem::MovedTo {
    fn from(to: MovedTo) -> Self {
        let MovedTo { cluster, servers, id, sealed_at } = to;
        problem::MovedTo { cluster, servers, id, sealed_at }
    }
}

impl ProblemBody {
    /// Status 207: some records were written, some were not. `problem` is the worst refusal. The
    /// request as a whole is neither done nor not done, and sending it again would write twice what
    /// was written: only the results per record say what may be repeated.
    pub fn partial(problem: &Problem, offsets: Vec<RecordResult>) -> Self {
        ProblemBody {
            status: 207,
            retriable: false,
            outcome: Outcome::Unknown,
            hint: Some(
                "send again only the records whose own error is retriable and not_done".into(),
            ),
            retry_after_ms: None,
            offsets: Some(offsets),
            ..ProblemBody::from(problem)
        }
    }

    /// The body as bytes.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a problem has only strings, numbers and lists")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::produce::ProducedOffset;

    #[test]
    fn every_code_reads_back() {
        for &code in ErrorCode::ALL {
            let mut problem =
                Problem::unknown(code, "it broke").hint("do x").leader(Some(NodeId(3)));
            problem.valid_offsets = Some((5, 9));
            let servers = vec!["http://a:1".to_owned()];
            let (cluster, id) = ("east".to_owned(), "7".to_owned());
            let to = problem::MovedTo { cluster, servers, id, sealed_at: Some(4) };
            problem.moved_to = Some(Box::new(to));
            let body = ProblemBody::from(&problem);
            let read: ProblemBody = serde_json::from_slice(&body.to_json()).unwrap();
            assert_eq!(read, body);
            assert_eq!(Problem::from(read), problem);
        }
    }

    #[test]
    fn shape_is_stable() {
        let mut problem = Problem::new(ErrorCode::OffsetOutOfRange, "offset 4 is gone");
        problem.valid_offsets = Some((5, 9));
        let text = String::from_utf8(ProblemBody::from(problem).to_json()).unwrap();
        assert_eq!(
            text,
            r#"{"type":"urn:rampart:error:OFFSET_OUT_OF_RANGE","title":"offset out of range","#
                .to_owned()
                + r#""status":416,"detail":"offset 4 is gone","code":"OFFSET_OUT_OF_RANGE","#
                + r#""retriable":false,"outcome":"not_done","#
                + r#""valid_offsets":{"log_start_offset":5,"high_watermark":9}}"#
        );
    }

    #[test]
    fn partial_results_name_each_record() {
        let problem = Problem::new(ErrorCode::StorageFull, "disk full");
        let done = ProducedOffset { partition: 1, offset: 7, timestamp: 3, leader_epoch: 2 };
        let body = ProblemBody::partial(
            &problem,
            vec![RecordResult::Done(done), RecordResult::failed(Some(2), &problem)],
        );
        let text = String::from_utf8(body.to_json()).unwrap();
        assert!(text.contains(
            r#""offsets":[{"partition":1,"offset":7,"timestamp":3,"leader_epoch":2},{"partition":2,"error":{"code":"STORAGE_FULL","retriable":true,"outcome":"not_done","detail":"disk full"}}]"#
        ), "{text}");
        assert_eq!(serde_json::from_str::<ProblemBody>(&text).unwrap(), body);
        assert_eq!(body.status, 207);
        // As a whole it must not be sent again, whatever its records say.
        assert_eq!((body.outcome, body.retriable), (Outcome::Unknown, false));
        assert_eq!(body.retry_after_ms, None);
    }
}
