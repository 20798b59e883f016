//! Sends the lines of a file to a topic, and prints where they landed:
//!
//! ```sh
//! rampart dev &
//! rampart topic create lines --partitions 3
//! cargo run --example producer --features client -- 127.0.0.1:8080 lines README.md
//! ```
//!
//! Each line is a record without a key. Lines are sent as fast as the producer takes them, and their
//! answers are printed in the order of the file.

use std::collections::VecDeque;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};

use rampart_api::client::Client;
use rampart_api::client::producer::{Delivery, Producer, ProducerOptions, Record};
use rampart_api::model::record_batch::Compression;

/// Answers that are waited for at a time.
const WAITING_MAX: usize = 10_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, topic, file] = arguments.as_slice() else {
        return Err("SERVER[,SERVER...] TOPIC FILE, please".into());
    };
    let servers: Vec<String> = servers.split(',').map(str::to_owned).collect();
    let options = ProducerOptions { compression: Compression::Lz4, ..ProducerOptions::default() };
    let producer = Producer::new(Client::new(servers)?, options)?;
    let mut waiting = VecDeque::new();
    for (number, line) in (1u64..).zip(BufReader::new(File::open(file)?).lines()) {
        // `send` waits while the buffer is full.
        let delivery = producer.send(Record::to(topic.as_str()).value(line?)).await?;
        waiting.push_back((number, delivery));
        if waiting.len() > WAITING_MAX
            && let Some((number, oldest)) = waiting.pop_front()
        {
            print(number, oldest).await;
        }
    }
    // Sends the last batches without waiting for more, and takes nothing any more.
    producer.close().await;
    for (number, delivery) in waiting {
        print(number, delivery).await;
    }
    Ok(())
}

async fn print(number: u64, delivery: Delivery) {
    match delivery.await {
        Ok(written) => {
            let offset = written.offset.map_or("?".to_owned(), |offset| offset.to_string());
            println!("line {number}: partition {} offset {offset}", written.partition);
        }
        // The error says whether it was certainly not written, or nobody knows.
        Err(error) => println!("line {number}: {error}"),
    }
}
