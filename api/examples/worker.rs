//! Works on records several at a time, and says of each what became of it: done, to be tried again, or
//! bad for good.
//!
//! ```sh
//! rampart dev &
//! rampart topic create jobs --partitions 3
//! rampart topic dead-letter enable jobs
//! seq 30 | rampart produce jobs
//! cargo run --example worker --features client -- 127.0.0.1:8080 workers jobs
//! ```
//!
//! Numbers that 7 divides fail at their first delivery and come again; what is no number is rejected and
//! ends in the dead-letter topic (`rampart topic dead-letter list jobs`). Records with the same key are
//! worked on one after the other.

use std::error::Error;
use std::time::Duration;

use rampart_api::client::Client;
use rampart_api::client::consumer::{Consumer, ConsumerOptions, Message, Settle, Verdict};
use rampart_api::http::groups::StartAt;

/// Records that are worked on at once.
const PARALLELISM: usize = 8;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, group, topic] = arguments.as_slice() else {
        return Err("SERVER[,SERVER...] GROUP TOPIC, please".into());
    };
    let servers: Vec<String> = servers.split(',').map(str::to_owned).collect();
    let options = ConsumerOptions {
        start: StartAt::Earliest,
        settle: Settle::Records,
        // Nothing here takes longer; what does is given to somebody else.
        processing_max: Duration::from_secs(60),
        client_id: "example-worker".to_owned(),
        ..ConsumerOptions::of(group.as_str(), [topic.as_str()])
    };
    let consumer = Consumer::new(Client::new(servers)?, options)?;
    let until = async {
        // Without a signal handler the program just goes on.
        let _ = tokio::signal::ctrl_c().await;
    };
    consumer.run(PARALLELISM, work, until).await?;
    Ok(())
}

async fn work(message: Message) -> Verdict {
    let value = message.value.as_deref().unwrap_or_default();
    let Ok(number) = String::from_utf8_lossy(value).trim().parse::<u64>() else {
        return Verdict::Reject { error: "no number".to_owned() };
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    if number % 7 == 0 && message.attempt == 1 {
        return Verdict::Retry { delay: Some(Duration::from_secs(2)), error: "unlucky".to_owned() };
    }
    println!("{}@{}: {number}, delivery {}", message.place(), message.offset, message.attempt);
    Verdict::Success
}
