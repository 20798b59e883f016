//! A cluster of three whose other two nodes are gone, on a store in memory.

use std::collections::BTreeMap;

use rampart_api::model::ids::{ClusterId, DiskId, TopicId};
use rampart_raft_store::MemoryFaults;
use rampart_raft_store::state::metadata::command::NodeInfo;

use super::*;

const NODE: NodeId = NodeId(2);

fn normal(command: &MetadataCommand) -> EntryPayload {
    let body = codec::encode(command).into();
    EntryPayload::Normal(Proposal { kind: ProposalKind::Metadata, body, ticket: None })
}

fn members(replicas: [u64; 3]) -> EntryPayload {
    let nodes = replicas.into_iter().zip(1..).map(|(r, n)| (r, Member { node: NodeId(n) }));
    let nodes: BTreeMap<_, _> = nodes.collect();
    EntryPayload::Membership(Membership::new(vec![nodes.keys().copied().collect()], nodes).unwrap())
}

async fn write(log: &mut LogStorage, payloads: Vec<EntryPayload>) {
    let leader_id = CommittedLeaderId::new(3);
    let entries = payloads.into_iter().zip(0..);
    let entries =
        entries.map(|(payload, index)| Entry { log_id: LogId::new(leader_id, index), payload });
    log.append(entries.collect::<Vec<_>>(), IoFlushed::noop()).await.unwrap();
}

fn disk(number: u128) -> DiskId {
    DiskId(uuid::Uuid::from_u128(number))
}

/// Node 2 of 3: `here/0` has a replica on every node, `there/0` on the others alone.
async fn survivor() -> Store {
    let store = Store::in_memory(MemoryFaults::default());
    let info = |n: u64| NodeInfo { peer_addr: format!("10.0.0.{n}:9090"), ..NodeInfo::default() };
    let cluster = ClusterId(uuid::Uuid::from_u128(9));
    let topic = |id: u128, name: &str, nodes: &[u64]| MetadataCommand::CreateTopic {
        topic: TopicId(uuid::Uuid::from_u128(id)),
        name: name.to_owned(),
        internal: false,
        replication_factor: u32::try_from(nodes.len()).unwrap(),
        config: BTreeMap::new(),
        replicas: vec![nodes.iter().copied().map(NodeId).collect()],
        now_ms: 0,
    };
    let commands = [
        MetadataCommand::Bootstrap { cluster, disk: disk(1), info: info(1) },
        MetadataCommand::Join { disk: disk(2), info: info(2) },
        MetadataCommand::Join { disk: disk(3), info: info(3) },
        topic(1, "here", &[1, 2, 3]),
        topic(2, "there", &[1, 3]),
    ];
    let mut metadata = store.open_metadata(ReplicaId(2)).unwrap().log;
    let entries = std::iter::once(members([1, 2, 3])).chain(commands.iter().map(normal)).collect();
    write(&mut metadata, entries).await;
    let mut partition = store.open_partition(GroupId(1), ReplicaId(2)).unwrap().log;
    write(&mut partition, vec![members([1, 2, 3]), EntryPayload::Blank]).await;
    store.flush().unwrap();
    store
}

#[tokio::test]
async fn the_survivor_goes_on_alone_and_says_what_is_lost() {
    let store = survivor().await;
    let done = recover(&store, NODE, false).await.unwrap();
    assert_eq!(done.metadata_log, (3, 5));
    assert_eq!(done.recovered, ["here/0"]);
    assert_eq!(done.lost, ["there/0"]);
    assert_eq!(done.removed, [NodeId(1), NodeId(3)]);

    let (metadata, state) = open_metadata(&store, NODE).await.unwrap();
    assert_eq!(metadata.voters, BTreeSet::from([2]));
    assert_eq!(metadata.vote_term, 4);
    assert_eq!(state.nodes.keys().copied().collect::<Vec<_>>(), [NODE]);
    for (group, alone) in [(GroupId(1), Some(ReplicaId(2))), (GroupId(2), None)] {
        let (_, record) = state.partition_of(group).unwrap();
        assert_eq!(record.replicas.len(), 1, "{group}");
        assert_eq!(record.replicas[0].node, NODE);
        assert!(alone.is_none_or(|id| record.replicas[0].id == id));
    }
    let open = store.open_partition(GroupId(1), ReplicaId(2)).unwrap();
    let partition = inspect(open.log, open.machine).await.unwrap().unwrap();
    assert_eq!(partition.voters, BTreeSet::from([2]));
    assert_eq!((partition.last.leader_id.term, partition.last.index), (4, 2));
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let store = survivor().await;
    let planned = recover(&store, NODE, true).await.unwrap();
    assert_eq!(planned.recovered, ["here/0"]);
    let (metadata, state) = open_metadata(&store, NODE).await.unwrap();
    assert_eq!(metadata.voters, BTreeSet::from([1, 2, 3]));
    assert_eq!(state.nodes.len(), 3);
}

#[tokio::test]
async fn interrupted_before_the_end_it_can_be_done_again() {
    let store = survivor().await;
    let open = store.open_partition(GroupId(1), ReplicaId(2)).unwrap();
    let mut partition = inspect(open.log, open.machine).await.unwrap().unwrap();
    take_over(&mut partition, ReplicaId(2), NODE, &[]).await.unwrap();
    drop(partition);
    let done = recover(&store, NODE, false).await.unwrap();
    assert_eq!(done.recovered, ["here/0"]);
}

#[tokio::test]
async fn a_node_without_metadata_is_no_survivor() {
    let store = Store::in_memory(MemoryFaults::default());
    let error = recover(&store, NODE, false).await.unwrap_err();
    assert!(error.to_string().contains("recover another one"), "{error}");
}
