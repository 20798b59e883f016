//! How a command ends badly: what was wrong, what to do next, and the exit code.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use rampart_api::client::ClientError;
use rampart_api::http::error::ProblemBody;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Outcome;

use super::output::say_error;
use crate::config::ConfigError;
use crate::start::StartError;

/// Something failed.
pub(super) const FAILED: u8 = 1;
/// The command was called wrongly.
pub(super) const USAGE: u8 = 2;
/// What it names is not there.
pub(super) const NOT_FOUND: u8 = 3;
/// It would lose data or availability.
pub(super) const UNSAFE: u8 = 4;

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: u8,
    pub(super) what: String,
    pub(super) hint: Option<String>,
    /// Nobody reads the output any more, which is no failure of ours.
    is_closed_pipe: bool,
}

impl Failure {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Failure { code: FAILED, what: what.into(), hint: None, is_closed_pipe: false }
    }

    pub(super) fn usage(what: impl Into<String>) -> Self {
        Failure { code: USAGE, ..Failure::new(what) }
    }

    pub(super) fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what it is about.
    pub(super) fn about(mut self, subject: &str) -> Self {
        self.what = format!("{subject}: {}", self.what);
        self
    }

    /// Says it on standard error; answers the code.
    pub(super) fn report(&self) -> ExitCode {
        if self.is_closed_pipe {
            return ExitCode::SUCCESS;
        }
        say_error(self);
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let is_closed_pipe = error.kind() == std::io::ErrorKind::BrokenPipe;
        Failure { is_closed_pipe, ..Failure::new(error.to_string()) }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure::usage(error.to_string())
            .hint("`rampart config sample` prints every key with its default")
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Failure::new(format!("the node did not start: {error}")).code(error.exit_code())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::BadServer { .. } => {
                Failure::usage(error.to_string()).hint("-s http://HOST:PORT[,http://HOST:PORT]")
            }
            ClientError::Unreachable { .. } => Failure::new(error.to_string()).hint(
                "is a node running? start a cluster to try with `rampart dev`, \
                 or name a server with -s or RAMPART_SERVER",
            ),
            ClientError::Interrupted { .. } => Failure::new(error.to_string())
                .hint("it is not known whether it was done; look before you try again"),
            ClientError::Unexpected { .. } => {
                Failure::new(error.to_string()).hint("is that address a Rampart node's HTTP port?")
            }
            ClientError::Problem { body, .. } => refused(body),
        }
    }
}

fn refused(body: &ProblemBody) -> Failure {
    let mut what = format!("{} ({})", body.detail, body.code.as_str());
    if body.outcome == Outcome::Unknown {
        what.push_str("; it is not known whether it was done");
    }
    let hint = command_for(body.code).map(str::to_owned).or_else(|| body.hint.clone());
    Failure { hint, ..Failure::new(what) }.code(code_of(body.code))
}

/// The server's hint names an endpoint where there is a command.
fn command_for(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::GroupNotFound => Some("`rampart group list` shows the groups"),
        ErrorCode::NodeNotFound => Some("`rampart node list` shows the nodes"),
        ErrorCode::TopicNotFound => {
            Some("`rampart topic list` shows the topics, `rampart topic create` makes one")
        }
        _ => None,
    }
}

/// How long to wait before a refused request is sent again: what the server says, or this.
pub(super) fn pause_after(refused: &ClientError, otherwise: Duration) -> Duration {
    let said = match refused {
        ClientError::Problem { body, .. } => body.retry_after_ms,
        ClientError::BadServer { .. }
        | ClientError::Unreachable { .. }
        | ClientError::Interrupted { .. }
        | ClientError::Unexpected { .. } => None,
    };
    said.map_or(otherwise, Duration::from_millis)
}

/// The exit code for a refusal. Every code is listed, so that a new one can't be forgotten.
#[deny(clippy::wildcard_enum_match_arm)]
pub(super) fn code_of(code: ErrorCode) -> u8 {
    match code {
        ErrorCode::ClientNotFound
        | ErrorCode::GroupNotFound
        | ErrorCode::InvalidPartition
        | ErrorCode::NoSuchEndpoint
        | ErrorCode::NodeNotFound
        | ErrorCode::TopicNotFound
        | ErrorCode::UnknownMember => NOT_FOUND,
        ErrorCode::GroupActive | ErrorCode::Unsafe => UNSAFE,
        ErrorCode::InvalidConfig
        | ErrorCode::InvalidReplicationFactor
        | ErrorCode::InvalidRequest
        | ErrorCode::InvalidTopic => USAGE,
        ErrorCode::CorruptBatch
        | ErrorCode::DamagedBatch
        | ErrorCode::DeadLettersOff
        | ErrorCode::DiskRejected
        | ErrorCode::DuplicateSequence
        | ErrorCode::IdempotencyMismatch
        | ErrorCode::InstanceReplaced
        | ErrorCode::Internal
        | ErrorCode::InvalidProducerEpoch
        | ErrorCode::MethodNotAllowed
        | ErrorCode::MixedSettling
        | ErrorCode::NotAcceptable
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::NotHeld
        | ErrorCode::NotLeader
        | ErrorCode::NotReady
        | ErrorCode::OffsetOutOfRange
        | ErrorCode::OutOfOrderSequenceNumber
        | ErrorCode::Overloaded
        | ErrorCode::RecordTooLarge
        | ErrorCode::RequestTooLarge
        | ErrorCode::StaleGeneration
        | ErrorCode::StorageFull
        | ErrorCode::Timeout
        | ErrorCode::TopicExists
        | ErrorCode::TopicMoved
        | ErrorCode::UnknownProducerId
        | ErrorCode::UnsupportedMediaType => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use rampart_api::model::problem::Problem;

    use super::*;

    #[test]
    fn refusals_have_their_exit_codes_and_hints() {
        for (code, exit) in [
            (ErrorCode::InvalidPartition, 3),
            (ErrorCode::Unsafe, 4),
            (ErrorCode::InvalidTopic, 2),
            (ErrorCode::TopicExists, 1),
        ] {
            let problem = Problem::new(code, "it is so").hint("do this");
            let failure = Failure::from(ClientError::from(problem));
            assert_eq!(failure.code, exit);
            let text = failure.to_string();
            assert!(text.starts_with("error: it is so ("), "{text}");
            assert!(text.ends_with("\nhint: do this"), "{text}");
        }
    }

    #[test]
    fn an_unknown_outcome_is_said() {
        let problem = Problem::unknown(ErrorCode::Timeout, "no answer");
        let failure = Failure::from(ClientError::from(problem));
        assert!(failure.what.contains("not known whether"), "{failure}");
    }
}
