//! `[pure]` The answer to a heartbeat, put together.

use rampart_api::http::castle::{Directive, HeartbeatResponse, HeartbeatStatus};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::state::MetadataState;

use super::about::About;
use super::dispatch::Clusters;
use super::memberships::{Memberships, put_assigned};
use super::registry::{Answered, Content};

/// When a client is to come again, and when it is forgotten.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// Milliseconds between heartbeats.
    pub interval_ms: u64,
    /// Milliseconds of silence.
    pub ttl_ms: u64,
}

/// What a client is told.
#[derive(Debug)]
pub struct Told {
    /// What it is to know, and whether it does already.
    pub content: Content,
    /// Under which version.
    pub answered: Answered,
    /// What it is to do.
    pub directives: Vec<Directive>,
    /// Why a group could not be asked or did not take it.
    pub trouble: Option<Problem>,
}

/// The answer to a client that is served.
pub fn response(
    about: &About,
    told: Told,
    rhythm: Rhythm,
    (own, state): (&str, &MetadataState),
) -> HeartbeatResponse {
    let Told { content, answered, directives, trouble } = told;
    let clusters = match answered.is_news {
        true => clusters(about, &content, own, state),
        false => Clusters::new(),
    };
    let (code, detail) = said(trouble.as_ref());
    HeartbeatResponse {
        status: status(about, answered, &content.memberships),
        version: answered.version,
        interval_ms: rhythm.interval_ms,
        ttl_ms: rhythm.ttl_ms,
        clusters,
        directives,
        code,
        detail,
    }
}

/// The answer to a client that is not served.
pub fn refusal(problem: &Problem, rhythm: Rhythm) -> HeartbeatResponse {
    let (code, detail) = said(Some(problem));
    HeartbeatResponse {
        status: HeartbeatStatus::RegisterFail,
        interval_ms: rhythm.interval_ms,
        ttl_ms: rhythm.ttl_ms,
        code,
        detail,
        ..HeartbeatResponse::default()
    }
}

fn said(problem: Option<&Problem>) -> (Option<ErrorCode>, Option<String>) {
    let detail = problem.map(|problem| match &problem.hint {
        Some(hint) => format!("{} ({hint})", problem.detail),
        None => problem.detail.clone(),
    });
    (problem.map(|problem| problem.code), detail)
}

fn status(about: &About, answered: Answered, memberships: &Memberships) -> HeartbeatStatus {
    if !answered.is_news {
        return HeartbeatStatus::NoChange;
    }
    let has_none = memberships.values().all(|membership| membership.partitions.is_empty());
    match about.is_in_groups() && !memberships.is_empty() && has_none {
        true => HeartbeatStatus::NoPartitionAssign,
        false => HeartbeatStatus::Ok,
    }
}

fn clusters(about: &About, content: &Content, own: &str, state: &MetadataState) -> Clusters {
    let mut clusters = (*content.clusters).clone();
    if let Some(own) = clusters.get_mut(own) {
        put_assigned(own, about, &content.memberships, state);
    }
    clusters
}

/// The word for a status in the metrics.
pub fn word(status: HeartbeatStatus) -> &'static str {
    match status {
        HeartbeatStatus::Ok => "ok",
        HeartbeatStatus::NoChange => "no_change",
        HeartbeatStatus::RegisterFail => "register_fail",
        HeartbeatStatus::NoPartitionAssign => "no_partition_assign",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rampart_api::http::castle::{Role, Subscription};
    use rampart_raft_store::state::group::TopicPartition;

    use super::*;
    use crate::castle::memberships::Membership;

    const RHYTHM: Rhythm = Rhythm { interval_ms: 5_000, ttl_ms: 15_000 };

    fn reads(group: Option<&str>) -> About {
        let one = Subscription {
            role: Role::Consumer,
            topic: "t".to_owned(),
            group: group.map(str::to_owned),
            ..Subscription::default()
        };
        About { subscriptions: vec![one], ..About::default() }
    }

    fn told(memberships: &[(&str, usize)], is_news: bool) -> Told {
        let membership = |(group, count): &(&str, usize)| {
            let partitions = vec![TopicPartition::default(); *count];
            ((*group).to_owned(), Membership { partitions, ..Membership::default() })
        };
        let memberships = memberships.iter().map(membership).collect();
        let clusters = Clusters::from([("own".to_owned(), Default::default())]);
        Told {
            content: Content { clusters: Arc::new(clusters), memberships: Arc::new(memberships) },
            answered: Answered { version: 7, is_news },
            directives: Vec::new(),
            trouble: None,
        }
    }

    #[test]
    fn the_status_says_how_a_client_stands() {
        use HeartbeatStatus as S;
        let table = [
            (reads(None), told(&[], true), S::Ok),
            (reads(None), told(&[], false), S::NoChange),
            (reads(Some("g")), told(&[("g", 2)], true), S::Ok),
            (reads(Some("g")), told(&[("g", 0)], true), S::NoPartitionAssign),
            (reads(Some("g")), told(&[("g", 0), ("h", 1)], true), S::Ok),
            (reads(Some("g")), told(&[("g", 0)], false), S::NoChange),
            // Its coordinator has not said anything yet.
            (reads(Some("g")), told(&[], true), S::Ok),
        ];
        for (about, told, status) in table {
            let shown = format!("{about:?} {told:?}");
            let answer = response(&about, told, RHYTHM, ("own", &MetadataState::default()));
            assert_eq!(answer.status, status, "{shown}");
            assert_eq!(answer.clusters.is_empty(), status == S::NoChange, "{shown}");
            assert_eq!((answer.version, answer.interval_ms, answer.ttl_ms), (7, 5_000, 15_000));
        }
    }

    #[test]
    fn trouble_with_a_group_is_said_and_does_not_fail_the_heartbeat() {
        let problem = Problem::new(ErrorCode::GroupActive, "another protocol").hint("use another");
        let told = Told { trouble: Some(problem.clone()), ..told(&[], true) };
        let answer = response(&reads(Some("g")), told, RHYTHM, ("own", &MetadataState::default()));
        assert_eq!(
            (answer.status, answer.code),
            (HeartbeatStatus::Ok, Some(ErrorCode::GroupActive))
        );
        let refused = refusal(&problem, RHYTHM);
        assert_eq!(refused.status, HeartbeatStatus::RegisterFail);
        assert_eq!(refused.detail.as_deref(), Some("another protocol (use another)"));
    }
}
