//! Reads topics as a member of a group and prints what comes, settling behind itself:
//!
//! ```sh
//! rampart dev &
//! rampart topic create lines --partitions 3
//! cargo run --example consumer --features client -- 127.0.0.1:8080 readers lines
//! ```
//!
//! Start it twice: the partitions are shared. A line is done when the next one is asked for, so what
//! was printed when the program is killed may be printed again by the next one.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use rampart_api::client::Client;
use rampart_api::client::consumer::{
    Consumer, ConsumerOptions, RebalanceListener, Settle, TopicPartition,
};
use rampart_api::http::groups::StartAt;

/// Says what comes and goes.
#[derive(Debug)]
struct Announcer;

impl RebalanceListener for Announcer {
    fn on_assigned(&self, partitions: &[TopicPartition]) {
        eprintln!("reading {}", list(partitions));
    }

    fn on_revoked(&self, partitions: &[TopicPartition]) {
        eprintln!("handing over {}", list(partitions));
    }

    fn on_lost(&self, partitions: &[TopicPartition]) {
        eprintln!("lost {}", list(partitions));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, group, topics] = arguments.as_slice() else {
        return Err("SERVER[,SERVER...] GROUP TOPIC[,TOPIC...], please".into());
    };
    let servers: Vec<String> = servers.split(',').map(str::to_owned).collect();
    let options = ConsumerOptions {
        start: StartAt::Earliest,
        settle: Settle::Automatic { every: Duration::from_millis(500) },
        listener: Some(Arc::new(Announcer)),
        client_id: "example-consumer".to_owned(),
        ..ConsumerOptions::of(group.as_str(), topics.split(','))
    };
    let mut consumer = Consumer::new(Client::new(servers)?, options)?;
    {
        let mut records = pin!(consumer.stream());
        loop {
            let record = tokio::select! {
                record = records.next() => record,
                _ = tokio::signal::ctrl_c() => break,
            };
            match record {
                Some(record) => {
                    let record = record?;
                    let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or(b"null"));
                    println!("{}@{} {value}", record.place(), record.offset);
                }
                None => break,
            }
        }
    }
    // Tells that the last one is done, and leaves the group, so that others need not wait.
    consumer.close().await;
    Ok(())
}

fn list(partitions: &[TopicPartition]) -> String {
    let names: Vec<_> = partitions.iter().map(ToString::to_string).collect();
    names.join(", ")
}
