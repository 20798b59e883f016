//! Who sends heartbeats, over all nodes; and commands to them.

use std::collections::BTreeMap;
use std::time::Duration;

use rampart_api::http::castle::{CastleClient, CommandResponse, ListClientsResponse};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::group::state::DirectiveKind;

use super::CastleService;
use crate::castle::peers::{self, Answer, Question};
use crate::groups::request::{GroupAnswer, GroupRequest};
use crate::groups::service::odd;

/// How long the other nodes may take to say who their clients are.
const NODE_TIMEOUT: Duration = Duration::from_secs(2);

impl CastleService {
    /// The clients of all nodes that live; of one that was heard by several, what the last heard.
    pub async fn clients(&self) -> ListClientsResponse {
        let net = &self.inner.options.peer;
        let asked = peers::ask_all(net, self.others(), &Question::Clients, NODE_TIMEOUT);
        let ((answers, missing), waiting) = tokio::join!(asked, self.waiting_now());
        let mut clients = self.own_clients();
        for answer in answers {
            if let Answer::Clients(more) = answer {
                clients.extend(more);
            }
        }
        let state = self.inner.options.metadata.state();
        let mut clients = newest(clients);
        for client in &mut clients {
            client.directives = waiting.of(&client.instance_id, &state);
        }
        let missing_nodes = missing.into_iter().map(|node| node.0).collect();
        ListClientsResponse { clients, missing_nodes }
    }

    pub(super) fn own_clients(&self) -> Vec<CastleClient> {
        let options = &self.inner.options;
        let (state, now) = (options.metadata.state(), self.moment().now);
        self.registry().list(options.node.0, now, &state)
    }

    /// Asks something of a client, wherever it is.
    ///
    /// # Errors
    /// `CLIENT_NOT_FOUND`; `OVERLOADED` when too much is asked of it; those of the coordinator.
    pub async fn command(
        &self,
        client: String,
        kind: DirectiveKind,
        ttl_ms: u64,
    ) -> Result<CommandResponse, Problem> {
        self.check_known(&client).await?;
        let direct = GroupRequest::Direct { client, kind, ttl_ms };
        match self.inner.options.groups.ask(direct).await? {
            GroupAnswer::Directed { id, expires_ms } => {
                Ok(CommandResponse { id: id.0, expires_ms })
            }
            other => Err(odd(&other)),
        }
    }

    async fn check_known(&self, client: &str) -> Result<(), Problem> {
        if self.registry().knows(client, self.moment().now) {
            return Ok(());
        }
        let question = Question::Knows { instance_id: client.to_owned() };
        let net = &self.inner.options.peer;
        let (answers, missing) = peers::ask_all(net, self.others(), &question, NODE_TIMEOUT).await;
        if answers.contains(&Answer::Knows(true)) {
            return Ok(());
        }
        if let Some(node) = missing.first() {
            let detail = format!("node {node} does not say whether it knows the client {client:?}");
            return Err(Problem::new(ErrorCode::NotReady, detail).hint("try again in a moment"));
        }
        let detail = format!("no node gets heartbeats of a client {client:?}");
        Err(Problem::new(ErrorCode::ClientNotFound, detail)
            .hint("`rampart castle clients` shows all clients"))
    }
}

/// One line for each name, by program and name.
fn newest(clients: Vec<CastleClient>) -> Vec<CastleClient> {
    let mut by_name: BTreeMap<String, CastleClient> = BTreeMap::new();
    for client in clients {
        let known = by_name.get(&client.instance_id);
        if known.is_none_or(|known| known.silent_ms > client.silent_ms) {
            by_name.insert(client.instance_id.clone(), client);
        }
    }
    let mut clients: Vec<CastleClient> = by_name.into_values().collect();
    clients.sort_by(|a, b| (&a.client_id, &a.instance_id).cmp(&(&b.client_id, &b.instance_id)));
    clients
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_client_that_several_nodes_heard_the_last_counts() {
        let client = |program: &str, name: &str, node, silent_ms| CastleClient {
            client_id: program.to_owned(),
            instance_id: name.to_owned(),
            node,
            silent_ms,
            ..CastleClient::default()
        };
        let all = vec![
            client("b", "1", 1, 900),
            client("a", "9", 1, 5),
            client("b", "1", 2, 20),
            client("b", "1", 3, 4_000),
            client("a", "10", 3, 1),
        ];
        let shown: Vec<_> =
            newest(all).into_iter().map(|one| (one.instance_id, one.node)).collect();
        assert_eq!(shown, [("10".to_owned(), 3), ("9".to_owned(), 1), ("1".to_owned(), 2)]);
    }
}
