//! The two commands that run nodes: `server` runs one, `dev` a whole cluster in one process.

mod dev;
mod greeting;
mod notify;
mod server;
mod signals;

pub(super) use dev::{DevArgs, dev};
pub(super) use server::{ServerArgs, server};

use super::failure::Failure;

/// What `--kafka-listen` says, as long as there is nothing that could listen.
fn refuse_kafka(kafka_listen: Option<&str>) -> Result<(), Failure> {
    match kafka_listen {
        None => Ok(()),
        Some(_) => Err(Failure::usage(
            "--kafka-listen, RAMPART_KAFKA_LISTEN: the Kafka protocol is not served yet",
        )
        .hint("use HTTP: --http-listen, `rampart produce` and `rampart consume`")),
    }
}
