//! Why a request has no answer, and whether it may have been done.

use crate::http::error::ProblemBody;
use crate::model::error_code::ErrorCode;
use crate::model::problem::{Outcome, Problem};

/// A request that was not answered as hoped.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address of a server can't be used.
    #[error("server `{server}`: {reason}")]
    BadServer {
        /// As it was given.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No server could be reached: nothing was done.
    #[error("no server can be reached: {}", list(.tried))]
    Unreachable {
        /// Each server with the reason.
        tried: Vec<(String, String)>,
    },
    /// The request was sent and the answer was lost: a write may have been done.
    #[error("{server} did not answer: {reason}")]
    Interrupted {
        /// The server.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The server refused, and says why.
    #[error("{} ({})", .body.detail, .body.code.as_str())]
    Problem {
        /// HTTP status.
        status: u16,
        /// What the server said.
        body: Box<ProblemBody>,
    },
    /// The answer is none of ours.
    #[error("{server} answered {status} in a way no Rampart node does: {text}")]
    Unexpected {
        /// The server.
        server: String,
        /// HTTP status.
        status: u16,
        /// The beginning of what it said, or what is wrong with it.
        text: String,
    },
}

impl ClientError {
    /// The code of a refusal.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            ClientError::Problem { body, .. } => Some(body.code),
            ClientError::BadServer { .. }
            | ClientError::Unreachable { .. }
            | ClientError::Interrupted { .. }
            | ClientError::Unexpected { .. } => None,
        }
    }

    /// Whether the work was certainly not done, or may have been.
    pub fn outcome(&self) -> Outcome {
        match self {
            ClientError::Problem { body, .. } => body.outcome,
            ClientError::BadServer { .. } | ClientError::Unreachable { .. } => Outcome::NotDone,
            ClientError::Interrupted { .. } | ClientError::Unexpected { .. } => Outcome::Unknown,
        }
    }

    /// Whether sending the same again can help and can't do it twice.
    pub fn is_safe_to_retry(&self) -> bool {
        let temporary = match self {
            ClientError::Problem { body, .. } => body.retriable,
            ClientError::Unreachable { .. } => true,
            ClientError::BadServer { .. }
            | ClientError::Interrupted { .. }
            | ClientError::Unexpected { .. } => false,
        };
        temporary && self.outcome() == Outcome::NotDone
    }
}

impl From<Problem> for ClientError {
    fn from(problem: Problem) -> Self {
        let status = problem.code.status();
        ClientError::Problem { status, body: Box::new(ProblemBody::from(&problem)) }
    }
}

fn list(tried: &[(String, String)]) -> String {
    let each: Vec<_> =
        tried.iter().map(|(server, reason)| format!("{server} ({reason})")).collect();
    each.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_write_is_not_sent_again() {
        let full = Problem::new(ErrorCode::StorageFull, "disk full");
        assert!(ClientError::from(full.clone()).is_safe_to_retry());
        let body = Box::new(ProblemBody::partial(&full, Vec::new()));
        let partial = ClientError::Problem { status: 207, body };
        assert!(!partial.is_safe_to_retry());
        assert_eq!(partial.outcome(), Outcome::Unknown);
    }
}
