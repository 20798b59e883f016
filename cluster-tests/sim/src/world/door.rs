//! The door of a simulated node: what clients ask of it, without HTTP between them. A request that
//! has gone in and gets no answer is one whose outcome nobody knows, as with a lost connection.

use std::sync::Arc;
use std::time::Duration;

use rampart_api::model::ids::{NodeId, PartitionId};
use rampart_api::model::problem::{Outcome, Problem};
use rampart_node::controller::ControllerHandle;
use rampart_node::controller::request::{Decommission, NewSwitch, NewTopic};
use rampart_node::groups::GroupService;
use rampart_node::groups::poll::{Poll, Polled};
use rampart_node::groups::request::{GroupAnswer, GroupRequest};
use rampart_node::metadata::{MembershipKeeper, MetadataHandle};
use rampart_node::node::Node;
use rampart_node::partition::{Answer, Operation, PartitionService};
use rampart_raft_store::runtime;
use rampart_raft_store::state::metadata::state::{MetadataState, TopicRecord};
use tokio::sync::{mpsc, oneshot};

/// Requests that wait at one door.
const WAITING_MAX: usize = 256;

/// What can be asked.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// Something about a partition.
    Partition(Operation),
    /// The same, but only if this very node leads the partition.
    Here(Operation),
    /// A new topic.
    Create(NewTopic),
    /// A topic's end.
    Delete(String),
    /// These nodes for a partition.
    Reassign(String, PartitionId, Vec<NodeId>),
    /// All replicas away from this node.
    Decommission(NodeId),
    /// This node may have replicas again.
    Recommission(NodeId),
    /// Records for a member of a group.
    Poll(Poll),
    /// Something about a group.
    Group(GroupRequest),
    /// Another dead-letter switch.
    Switch(NewSwitch),
    /// What the node knows of the cluster.
    View,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// To `Partition`.
    Partition(Answer),
    /// To `Create`.
    Created(Arc<TopicRecord>),
    /// To `Poll`.
    Polled(Polled),
    /// To `Group`.
    Group(GroupAnswer),
    /// To the other changes.
    Done,
    /// To `View`.
    View(View),
}

/// The cluster as one node sees it.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// The metadata.
    pub(crate) state: Arc<MetadataState>,
    /// Index of the state.
    pub(crate) index: u64,
    /// How many vote about it.
    pub(crate) voters: usize,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(crate) enum Refused {
    /// The node is not there: nothing was done.
    Closed,
    /// It did not answer: nobody knows.
    Silent(&'static str),
    /// It says no.
    Problem(Problem),
}

impl Refused {
    /// Whether the request may have been carried out.
    pub(crate) fn is_unknown(&self) -> bool {
        match self {
            Refused::Closed => false,
            Refused::Silent(_) => true,
            Refused::Problem(problem) => problem.outcome == Outcome::Unknown,
        }
    }

    /// For the history.
    pub(crate) fn text(&self) -> String {
        match self {
            Refused::Closed => "no node there".to_owned(),
            Refused::Silent(why) => (*why).to_owned(),
            Refused::Problem(problem) => problem.to_string(),
        }
    }
}

/// The outside of a door. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    /// The node behind it.
    pub(crate) node: NodeId,
    asked: mpsc::Sender<(Ask, oneshot::Sender<Result<Reply, Problem>>)>,
}

/// The inside of a door.
#[derive(Debug)]
pub(crate) struct Inside {
    asked: mpsc::Receiver<(Ask, oneshot::Sender<Result<Reply, Problem>>)>,
    services: Services,
}

#[derive(Debug, Clone)]
struct Services {
    partitions: PartitionService,
    controller: ControllerHandle,
    metadata: MetadataHandle,
    groups: GroupService,
}

/// A door for a running node.
pub(crate) fn door(node: &Node) -> (Door, Inside) {
    let (tx, rx) = mpsc::channel(WAITING_MAX);
    let services = Services {
        partitions: node.partitions().clone(),
        controller: node.controller().clone(),
        metadata: node.metadata().clone(),
        groups: node.groups().clone(),
    };
    (Door { node: node.id(), asked: tx }, Inside { asked: rx, services })
}

impl Door {
    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&self, ask: Ask, within: Duration) -> Result<Reply, Refused> {
        let (tx, rx) = oneshot::channel();
        if self.asked.try_send((ask, tx)).is_err() {
            return Err(Refused::Closed);
        }
        match tokio::time::timeout(within, rx).await {
            Ok(Ok(answer)) => answer.map_err(Refused::Problem),
            Ok(Err(_)) => Err(Refused::Silent("the node went away")),
            Err(_) => Err(Refused::Silent("no answer in time")),
        }
    }
}

impl Inside {
    /// Answers whoever asks, each in a task of its own. Ends with the node.
    pub(crate) async fn serve(mut self) {
        while let Some((ask, answer)) = self.asked.recv().await {
            let services = self.services.clone();
            runtime::spawn(async move {
                // Whoever asked may have given up.
                let _ = answer.send(services.answer(ask).await);
            });
        }
    }
}

impl Services {
    async fn answer(&self, ask: Ask) -> Result<Reply, Problem> {
        match ask {
            Ask::Partition(operation) => self.partition(operation).await.map(Reply::Partition),
            Ask::Here(operation) => {
                self.partitions.execute_here(operation).await.map(Reply::Partition)
            }
            Ask::Create(new) => {
                let (topic, _) = self.controller.create_topic(new).await?;
                Ok(Reply::Created(topic))
            }
            Ask::Delete(name) => self.controller.delete_topic(&name).await.map(|_| Reply::Done),
            Ask::Reassign(topic, partition, nodes) => {
                let moved = self.controller.reassign(&topic, partition, nodes, false).await;
                moved.map(|_| Reply::Done)
            }
            Ask::Decommission(node) => {
                let how = Decommission::default();
                self.controller.decommission(node, how).await.map(|_| Reply::Done)
            }
            Ask::Recommission(node) => {
                self.controller.recommission(node).await.map(|_| Reply::Done)
            }
            Ask::Poll(poll) => self.groups.poll(poll).await.map(Reply::Polled),
            Ask::Group(request) => self.groups.ask(request).await.map(Reply::Group),
            Ask::Switch(switch) => {
                self.controller.set_dead_letter(&switch).await.map(|_| Reply::Done)
            }
            Ask::View => Ok(Reply::View(View {
                state: self.metadata.state(),
                index: self.metadata.applied_index(),
                voters: MembershipKeeper::new(self.metadata.clone()).voters().len(),
            })),
        }
    }

    async fn partition(&self, operation: Operation) -> Result<Answer, Problem> {
        let partitions = &self.partitions;
        Ok(match operation {
            Operation::Produce(produce) => Answer::Produced(partitions.produce(produce).await?),
            Operation::Fetch(fetch) => Answer::Fetched(partitions.fetch(fetch).await?),
            Operation::ListOffset(key, spec) => {
                Answer::Listed(partitions.list_offset(key, spec).await?)
            }
            Operation::Truncate(key, before) => {
                Answer::Truncated(partitions.truncate(key, before).await?)
            }
            Operation::Status(key) => Answer::Status(partitions.status(key).await?),
            Operation::TransferLeadership(key, to) => {
                Answer::Transferred(partitions.transfer_leadership(key, to).await?)
            }
        })
    }
}
