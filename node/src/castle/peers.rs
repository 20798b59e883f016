//! What Castle asks the other nodes: who sends heartbeats to them. Asked when a person wants to know,
//! and once when a client comes; never by a heartbeat of one that is known. As JSON, like the bodies
//! that it is made of.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use rampart_api::http::castle::CastleClient;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::NodeId;
use rampart_api::model::problem::Problem;
use rampart_api::peer::rpc::{PeerRequest, PeerResponse};
use serde::{Deserialize, Serialize};

use super::registry::Claimed;
use crate::peer::PeerNet;

/// A question to a node. On the wire: append only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Question {
    /// The clients that it serves.
    Clients,
    /// Whether it serves a client of that name.
    Knows {
        /// The name.
        instance_id: String,
    },
    /// Another node serves this client from now on.
    Claim {
        /// Its name.
        instance_id: String,
        /// Which of those with the name.
        session: String,
    },
}

/// A node's answer. On the wire: append only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// To `Clients`.
    Clients(Vec<CastleClient>),
    /// To `Knows`.
    Knows(bool),
    /// To `Claim`.
    Claimed(Claimed),
}

/// What nodes answered, and who did not in time.
pub(super) type Answers = (Vec<Answer>, BTreeSet<NodeId>);

/// Asks nodes, all at once.
pub(super) async fn ask_all(
    net: &PeerNet,
    nodes: BTreeSet<NodeId>,
    question: &Question,
    within: Duration,
) -> Answers {
    let question = encode(question);
    let asked = nodes.into_iter().map(|node| {
        let request = PeerRequest::Castle { question: question.clone() };
        async move { (node, net.call(node, request, within).await) }
    });
    let (mut answers, mut missing) = (Vec::new(), BTreeSet::new());
    for (node, answer) in join_all(asked).await {
        let answer = match answer {
            Ok(PeerResponse::Castle { answer }) => serde_json::from_slice(&answer).ok(),
            Ok(_) | Err(_) => None,
        };
        match answer {
            Some(answer) => answers.push(answer),
            None => _ = missing.insert(node),
        }
    }
    (answers, missing)
}

/// A question, or an answer, as it travels.
pub(super) fn encode(message: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(message).expect("our own bodies have string keys"))
}

/// The question of another node.
///
/// # Errors
/// `INVALID_REQUEST`: of a newer version.
pub(super) fn decode(question: &[u8]) -> Result<Question, Problem> {
    serde_json::from_slice(question).map_err(|error| {
        Problem::new(ErrorCode::InvalidRequest, format!("a question to Castle: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_survive_the_trip() {
        let name = || "a".to_owned();
        let questions = [
            Question::Clients,
            Question::Knows { instance_id: name() },
            Question::Claim { instance_id: name(), session: "s".to_owned() },
        ];
        for question in questions {
            assert_eq!(decode(&encode(&question)), Ok(question));
        }
        assert!(decode(b"{\"other\":1}").is_err());
        let client = CastleClient { instance_id: name(), ..CastleClient::default() };
        let answers = [
            Answer::Clients(vec![client]),
            Answer::Knows(true),
            Answer::Claimed(Claimed { is_replaced: true, older: vec![name()] }),
        ];
        for answer in answers {
            assert_eq!(serde_json::from_slice::<Answer>(&encode(&answer)).unwrap(), answer);
        }
    }
}
