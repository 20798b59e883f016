//! After the faults: all comes right within a time limit, and every replica has the same, read
//! through each of them while it leads.

use std::time::Duration;

use rampart_api::model::ids::{NodeId, Offset};
use rampart_cluster_tests::history::{Event, Function, Phase};
use rampart_node::partition::request::{Fetch, PartitionStatus};
use rampart_node::partition::{Answer, Operation};

use super::consumer::read;
use super::dump;
use super::{Client, Target};
use crate::world::door::{Ask, Refused, Reply};

const LOOK: Duration = Duration::from_millis(100);
/// All partitions take writes again so soon after the last fault.
const WRITES_AGAIN: Duration = Duration::from_secs(30);
/// All replicas are equal so soon after that.
const EQUAL: Duration = Duration::from_secs(60);
/// A replica can be made the leader and read within this.
const READ: Duration = Duration::from_secs(30);
/// The controller may still spread replicas: a partition whose replicas change while it is read is
/// read again, so many times.
const MOVES_MAX: usize = 8;
/// Bytes read at once.
const MAX_BYTES: u32 = 64 << 10;

/// Waits until every partition has acknowledged a write that began after the last fault.
pub(super) async fn comes_right(client: &Client, targets: &[Target]) -> Result<(), String> {
    mark(client, "healed");
    let healed = client.shared.clock().next();
    let waiting = || targets.iter().find(|target| !client.progress.has_since(target, healed));
    let written = async {
        while waiting().is_some() {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(WRITES_AGAIN, written).await.is_err() {
        let stuck = waiting().map_or_else(String::new, describe);
        return Err(format!("P18: {stuck} takes no writes {WRITES_AGAIN:?} after healing"));
    }
    mark(client, "writes_again");
    Ok(())
}

fn mark(client: &Client, kind: &str) {
    let event = Event::new(client.process, Function::Mark);
    client.shared.recorder().note(Event { kind: Some(kind.to_owned()), ..event });
}

fn describe(target: &Target) -> String {
    format!("{}/{}", target.topic, target.partition)
}

/// Waits until all nodes are there and all replicas of all partitions have all of their log.
pub(super) async fn replicas_are_equal(client: &Client, targets: &[Target]) -> Result<(), String> {
    let mut found = String::new();
    let equal = async {
        loop {
            match unequal(client, targets).await {
                None => return,
                Some(what) => found = what,
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(EQUAL, equal).await.is_err() {
        return Err(format!("P18: not converged {EQUAL:?} after healing: {found}"));
    }
    mark(client, "replicas_equal");
    Ok(())
}

async fn unequal(client: &Client, targets: &[Target]) -> Option<String> {
    let mut indexes = Vec::new();
    for host in 0..client.shared.hosts().len() {
        match client.shared.ask(host, Ask::View, LOOK).await {
            Ok(Reply::View(view)) => indexes.push(view.index),
            Ok(_) => return Some("an answer of another kind".to_owned()),
            Err(refused) => return Some(format!("host {}: {}", host + 1, refused.text())),
        }
    }
    if indexes.iter().any(|index| *index != indexes[0]) {
        return Some(format!("the nodes' metadata is at {indexes:?}"));
    }
    for target in targets {
        match client.operate(Operation::Status(target.key)).await {
            Ok(Answer::Status(status)) => {
                if let Some(what) = incomplete(&status) {
                    return Some(format!("{}: {what}", describe(target)));
                }
            }
            Ok(_) => return Some("an answer of another kind".to_owned()),
            Err(refused) => return Some(format!("{}: {}", describe(target), refused.text())),
        }
    }
    None
}

fn incomplete(status: &PartitionStatus) -> Option<String> {
    let is_whole = status.high_watermark == status.log_end
        && status.replicas.len() == 3
        && status.replicas.iter().all(|replica| {
            replica.role != "learner" && replica.match_offset == status.log_end && replica.in_sync
        });
    (!is_whole).then(|| format!("{status:?}"))
}

/// Makes each replica of each partition the leader and reads everything from it.
pub(super) async fn read_all(client: &mut Client, targets: &[Target]) -> Result<(), String> {
    for target in targets {
        let mut moves = 0;
        while !read_each(client, target).await? {
            moves += 1;
            if moves > MOVES_MAX {
                return Err(format!("P18: the replicas of {} keep moving", describe(target)));
            }
            replicas_are_equal(client, std::slice::from_ref(target)).await?;
        }
    }
    Ok(())
}

/// Reads a partition from each of its replicas; false if one of them is gone meanwhile.
async fn read_each(client: &mut Client, target: &Target) -> Result<bool, String> {
    let Ok(Answer::Status(status)) = client.operate(Operation::Status(target.key)).await else {
        return Err(format!("{} does not say how it is", describe(target)));
    };
    for replica in status.replicas {
        let read = read_through(client, target, replica.node);
        let what = || format!("P18: {} not read on {}", describe(target), replica.node);
        if !tokio::time::timeout(READ, read).await.map_err(|_| what())? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The host whose node this is.
fn host_of(client: &Client, node: NodeId) -> Option<usize> {
    let is_there = |host: &crate::world::shared::Host| host.door().map(|door| door.node);
    client.shared.hosts().iter().position(|host| is_there(host) == Some(node))
}

/// Reads everything from a node; false if it no longer has a replica.
async fn read_through(client: &mut Client, target: &Target, node: NodeId) -> bool {
    let mut next = None;
    loop {
        let Some(host) = host_of(client, node) else {
            tokio::time::sleep(LOOK).await;
            continue;
        };
        client.host = host;
        match read_piece(client, target, next).await {
            Ok(Some(offset)) => next = Some(offset),
            Ok(None) => return true,
            Err(_) => {
                if let Ok(Answer::Status(status)) =
                    client.operate(Operation::Status(target.key)).await
                    && status.replicas.iter().all(|replica| replica.node != node)
                {
                    return false;
                }
                let ask = Operation::TransferLeadership(target.key, Some(node));
                // Whether it worked is seen at the next read.
                let _ = client.operate(ask).await;
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Reads on; `None` at the end.
async fn read_piece(
    client: &Client,
    target: &Target,
    next: Option<u64>,
) -> Result<Option<u64>, Refused> {
    let start = match next {
        Some(next) => next,
        None => log_start(client, target).await?,
    };
    let event = client.event(Function::FinalRead).at(&target.topic, target.partition);
    let event = client.shared.recorder().invoke(Event { offset: Some(start), ..event });
    let fetch = Fetch {
        key: target.key,
        offset: Offset(start),
        max_bytes: MAX_BYTES,
        wait_ms: 0,
        linearizable: true,
    };
    match here(client, Operation::Fetch(fetch)).await {
        Ok(Answer::Fetched(fetched)) => {
            let event = read(event, start, &fetched);
            let next = event.next_offset.filter(|next| *next < fetched.high_watermark.0);
            client.shared.recorder().end(event, Phase::Ok);
            Ok(next)
        }
        Ok(other) => panic!("an answer of another kind: {other:?}"),
        Err(refused) => {
            let error = Some(refused.text());
            client.shared.recorder().end(Event { error, ..event }, Phase::Fail);
            Err(refused)
        }
    }
}

async fn log_start(client: &Client, target: &Target) -> Result<u64, Refused> {
    match here(client, Operation::Status(target.key)).await? {
        Answer::Status(status) => Ok(status.log_start.0),
        other => panic!("an answer of another kind: {other:?}"),
    }
}

async fn here(client: &Client, operation: Operation) -> Result<Answer, Refused> {
    match client.ask(Ask::Here(operation)).await? {
        Reply::Partition(answer) => Ok(answer),
        other => panic!("an answer of another kind: {other:?}"),
    }
}

/// The partition at a moment at which all its replicas have everything.
async fn whole(client: &Client, target: &Target) -> Result<PartitionStatus, String> {
    for _ in 0..=MOVES_MAX {
        let Ok(Answer::Status(status)) = client.operate(Operation::Status(target.key)).await else {
            return Err(format!("{} does not say how it is", describe(target)));
        };
        if incomplete(&status).is_none() {
            return Ok(status);
        }
        replicas_are_equal(client, std::slice::from_ref(target)).await?;
    }
    Err(format!("P18: the replicas of {} keep moving", describe(target)))
}

/// Notes the whole log of each replica as it lies on its disk.
pub(super) async fn dump_all(client: &Client, targets: &[Target]) -> Result<(), String> {
    for target in targets {
        let status = whole(client, target).await?;
        for replica in &status.replicas {
            let Some(host) = host_of(client, replica.node) else {
                return Err(format!("{} has no host", replica.node));
            };
            let disk = client.shared.hosts()[host].disk();
            let dumped = dump::of(disk, status.group, status.log_start).map_err(|error| {
                format!("{} on the disk of {}: {error}", describe(target), replica.node)
            })?;
            let event = Event::new(client.process, Function::Dump);
            let event = event.at(&target.topic, target.partition);
            let node = u32::try_from(replica.node.0).ok();
            let event = Event { node, replica: Some(replica.replica.0), ..event };
            let event = client.shared.recorder().invoke(event);
            client.shared.recorder().end(dumped.into_event(event), Phase::Ok);
        }
    }
    Ok(())
}
