//! Records with keys, and without a partition: the server must put each where its key belongs.

use std::time::Duration;

use rand::RngExt;

use super::process::Process;
use super::traffic::Traffic;
use super::value;
use super::writer::{Batch, Target, produce};
use crate::history::event::Ack;

/// Few, so that each has many records.
const KEYS: u32 = 20;
/// Writers, which share the keys.
pub const WRITERS: u32 = 2;

/// Writes to a topic of so many partitions until the traffic is closed.
pub async fn write(traffic: Traffic, topic: String, partitions: u32) {
    let mut process = Process::new(&traffic);
    let mut rng = traffic.rng(process.id);
    let mut number = 0;
    while traffic.rest(Duration::from_millis(10)).await && traffic.turn().await {
        number += 1;
        let key = format!("key-{}", rng.random_range(0..KEYS));
        let target = Target::new(&topic, partition_of(&key, partitions), Ack::Quorum);
        let count = rng.random_range(1..=4);
        let names = (0..count).map(|place| value::name(process.id, number, place, 0)).collect();
        produce(&mut process, &target, Batch::keyed(names, key)).await;
    }
}

/// Where a key belongs: murmur2 without its sign, as every client of Kafka has it. Written here
/// once more, for the server's own is what is judged.
fn partition_of(key: &str, partitions: u32) -> u32 {
    (murmur2(key.as_bytes()) & 0x7fff_ffff) % partitions
}

fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c ^ length;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(M);
        word = (word ^ (word >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ word;
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_kafkas() {
        // The values of Kafka's own UtilsTest.
        let cases: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in cases {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }
}
