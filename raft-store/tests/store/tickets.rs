//! Tickets: a proposer learns where its entry landed and when it is on this node's disk.

use std::sync::Arc;

use openraft::storage::RaftLogStorage;
use rampart_api::model::ids::Offset;
use rampart_raft_store::MemoryFaults;
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::ticket::{AppendPosition, Ticket, ticket};
use rampart_raft_store::type_config::{EntryPayload, Proposal, ProposalKind};

use crate::harness::{Replica, batch, data};

fn with_ticket(records: usize, ticket: Arc<Ticket>) -> EntryPayload {
    let body = batch(records, 10, 0);
    EntryPayload::Normal(Proposal { kind: ProposalKind::Batches, body, ticket: Some(ticket) })
}

#[tokio::test]
async fn a_ticket_says_where_and_when() {
    let faults = MemoryFaults::none();
    let mut replica = Replica::in_memory(&faults);
    replica.append(1, vec![data(batch(4, 10, 0))]).await;
    faults.hold_syncs();
    let (ticket, mut holder) = ticket();
    let _synced = replica.submit(2, vec![with_ticket(3, ticket)]).await;
    let position = AppendPosition {
        term: 2,
        index: 1,
        base_offset: Offset(4),
        verdicts: None,
        sealed_at: None,
    };
    assert_eq!(holder.position(), Some(position.clone()));
    let waiting = holder.clone();
    faults.sync();
    assert_eq!(holder.wait_synced().await, Some(position));
    drop(waiting);
}

#[tokio::test]
async fn a_truncated_proposal_is_never_called_synced() {
    let faults = MemoryFaults::none();
    let mut replica = Replica::in_memory(&faults);
    replica.append(1, vec![EntryPayload::Blank]).await;
    faults.hold_syncs();
    let (ticket, mut holder) = ticket();
    let _synced = replica.submit(1, vec![with_ticket(3, ticket)]).await;
    replica.log.truncate_after(Some(log_id(1, 0))).await.unwrap();
    faults.sync();
    assert_eq!(holder.wait_synced().await, None);
}
