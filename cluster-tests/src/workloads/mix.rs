//! Which workloads there are, the topics they need, and starting them.

use std::fmt;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::castle;
use super::group::{self, Group};
use super::idempotent::{self, Once};
use super::traffic::Traffic;
use super::writer::write;
use super::{
    keyed, linearizable, list_offset, long_poll, soak, tail, topic_churn, truncate, writers,
};
use crate::harness::clock::background;

/// One kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    /// A few records at a time, at every level of acknowledgement.
    Append,
    /// Records with keys, which decide the partition.
    Keyed,
    /// Single records.
    Tiny,
    /// Large batches of long values.
    Large,
    /// Readers that wait for the next record.
    LongPoll,
    /// Readers of a live tail.
    Tail,
    /// Readers that must see what was acknowledged.
    Linearizable,
    /// Clients that ask for both ends.
    ListOffset,
    /// Topics that are created and deleted.
    TopicChurn,
    /// Old records that are deleted.
    Truncate,
    /// Batches that are sent until they are acknowledged, and are there once.
    Idempotent,
    /// Consumer groups whose members come, leave and die.
    Group,
    /// Clients that go where Castle sends them.
    Castle,
    /// As much as the nodes take, on logs that forget almost at once.
    Soak,
}

/// All of them, in the order in which they are listed.
pub const ALL: [Workload; 14] = [
    Workload::Append,
    Workload::Keyed,
    Workload::Tiny,
    Workload::Large,
    Workload::LongPoll,
    Workload::Tail,
    Workload::Linearizable,
    Workload::ListOffset,
    Workload::TopicChurn,
    Workload::Truncate,
    Workload::Idempotent,
    Workload::Group,
    Workload::Castle,
    Workload::Soak,
];

impl Workload {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Workload::Append => "append",
            Workload::Keyed => "keyed",
            Workload::Tiny => "tiny",
            Workload::Large => "large",
            Workload::LongPoll => "long-poll",
            Workload::Tail => "tail",
            Workload::Linearizable => "linearizable",
            Workload::ListOffset => "list-offset",
            Workload::TopicChurn => "topic-churn",
            Workload::Truncate => "truncate",
            Workload::Idempotent => "idempotent",
            Workload::Group => "group",
            Workload::Castle => "castle",
            Workload::Soak => "soak",
        }
    }

    /// The one of this name.
    pub fn by_name(name: &str) -> Option<Workload> {
        ALL.into_iter().find(|workload| workload.name() == name)
    }

    /// Whether it keeps to the common pace, so that others can run beside it.
    pub fn is_paced(self) -> bool {
        self != Workload::Soak
    }

    /// Partitions of the topic it writes to, if it has one of its own that lasts.
    fn partitions(self) -> Option<u32> {
        match self {
            Workload::Append | Workload::Keyed => Some(3),
            Workload::Tiny | Workload::Large | Workload::Idempotent => Some(2),
            Workload::Group => Some(group::PARTITIONS),
            Workload::Castle => Some(castle::PARTITIONS),
            Workload::Truncate => Some(1),
            Workload::Soak => Some(soak::PARTITIONS),
            Workload::LongPoll
            | Workload::Tail
            | Workload::Linearizable
            | Workload::ListOffset
            | Workload::TopicChurn => None,
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A topic that lasts over the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its partitions.
    pub partitions: u32,
    /// Who writes to it.
    pub writer: Workload,
}

impl Topic {
    /// What it is configured to.
    pub fn config(&self) -> Value {
        if self.writer == Workload::Soak { soak::topic_config() } else { json!({}) }
    }

    /// If its log start moves by itself: how many records it leaves at least.
    pub fn keeps(&self) -> Option<u64> {
        (self.writer == Workload::Soak).then_some(soak::KEPT_RECORDS)
    }
}

/// Chosen workloads and what they need.
#[derive(Debug, Clone)]
pub struct Mix {
    /// Which.
    pub workloads: Vec<Workload>,
    /// Begins the name of every topic.
    pub prefix: String,
    /// Replicas of every partition.
    pub replicas: u32,
}

impl Mix {
    /// The topics that must be there before it starts.
    pub fn topics(&self) -> Vec<Topic> {
        let own = |writer: &Workload| {
            let name = format!("{}{writer}", self.prefix);
            Some(Topic { name, partitions: writer.partitions()?, writer: *writer })
        };
        self.workloads.iter().filter_map(own).collect()
    }

    /// The groups that read one of the topics.
    pub fn groups(&self) -> Vec<Group> {
        let read = |topic: &Topic| topic.writer == Workload::Group;
        self.topics().iter().filter(|topic| read(topic)).flat_map(|t| group::all(&t.name)).collect()
    }

    /// Starts all clients; they end when the traffic is closed.
    pub fn start(&self, traffic: &Traffic) -> Vec<JoinHandle<()>> {
        let topics = self.topics();
        let mut clients = Vec::new();
        for topic in &topics {
            start_writers(traffic, topic, &mut clients);
        }
        for workload in &self.workloads {
            for topic in &topics {
                for partition in 0..topic.partitions {
                    start_reader(*workload, traffic, (&topic.name, partition), &mut clients);
                }
            }
        }
        if self.workloads.contains(&Workload::TopicChurn) {
            let prefix = format!("{}topic-churn-", self.prefix);
            let churn = topic_churn::churn(traffic.clone(), prefix, self.replicas);
            clients.push(background(churn));
        }
        clients
    }
}

fn start_writers(traffic: &Traffic, topic: &Topic, clients: &mut Vec<JoinHandle<()>>) {
    let (name, partitions) = (&topic.name, topic.partitions);
    let writings = match topic.writer {
        Workload::Append => writers::every_ack(name, partitions),
        Workload::Tiny => writers::tiny(name, partitions),
        Workload::Large => writers::large(name, partitions),
        Workload::Truncate => {
            let delete = truncate::delete(traffic.clone(), name.clone(), 0);
            clients.push(background(delete));
            writers::tiny(name, partitions)
        }
        Workload::Idempotent => {
            for partition in 0..partitions {
                for once in [Once::Number, Once::Key] {
                    let writer = idempotent::write(traffic.clone(), name.clone(), partition, once);
                    clients.push(background(writer));
                }
            }
            Vec::new()
        }
        Workload::Group => {
            for group in group::all(name) {
                clients.extend(group::clients(traffic, &group).into_iter().map(background));
            }
            writers::jobs(name, partitions)
        }
        Workload::Castle => {
            clients.extend(castle::clients(traffic, name));
            Vec::new()
        }
        Workload::Soak => {
            for partition in 0..partitions {
                for reader in [Workload::LongPoll, Workload::Tail] {
                    start_reader(reader, traffic, (name, partition), clients);
                }
            }
            soak::writings(name, partitions)
        }
        Workload::Keyed => {
            for _ in 0..keyed::WRITERS {
                let writer = keyed::write(traffic.clone(), name.clone(), partitions);
                clients.push(background(writer));
            }
            Vec::new()
        }
        Workload::LongPoll
        | Workload::Tail
        | Workload::Linearizable
        | Workload::ListOffset
        | Workload::TopicChurn => Vec::new(),
    };
    for writing in writings {
        clients.push(background(write(traffic.clone(), writing)));
    }
}

/// A reader of one partition, if the workload is one that reads.
fn start_reader(
    workload: Workload,
    traffic: &Traffic,
    (topic, partition): (&str, u32),
    clients: &mut Vec<JoinHandle<()>>,
) {
    let (traffic, topic) = (traffic.clone(), topic.to_owned());
    match workload {
        Workload::LongPoll => {
            clients.push(background(long_poll::follow(traffic, topic, partition)));
        }
        Workload::Tail => clients.push(background(tail::follow(traffic, topic, partition))),
        Workload::Linearizable => {
            clients.push(background(linearizable::follow(traffic, topic, partition)));
        }
        Workload::ListOffset => {
            clients.push(background(list_offset::look(traffic, topic, partition)));
        }
        Workload::Append
        | Workload::Keyed
        | Workload::Tiny
        | Workload::Large
        | Workload::TopicChurn
        | Workload::Truncate
        | Workload::Idempotent
        | Workload::Group
        | Workload::Castle
        | Workload::Soak => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_is_found_by_its_name() {
        for workload in ALL {
            assert_eq!(Workload::by_name(workload.name()), Some(workload));
        }
        assert_eq!(Workload::by_name("appendix"), None);
    }

    #[test]
    fn topics_are_those_of_the_chosen_writers() {
        let workloads = vec![Workload::Tail, Workload::Tiny, Workload::Append];
        let mix = Mix { workloads, prefix: "x-".to_owned(), replicas: 3 };
        let names: Vec<String> = mix.topics().into_iter().map(|topic| topic.name).collect();
        assert_eq!(names, ["x-tiny", "x-append"]);
    }
}
