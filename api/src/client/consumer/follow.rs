//! Follows topics that go on in another cluster: once Castle has said so, asks until the group is
//! through with the topic in the old cluster, leaves it there, and reads it in the new one.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::shared::Shared;
use super::upstream::ANSWER_TIMEOUT;
use super::ways::{Origin, Ways};
use crate::client::castle::CastleSession;
use crate::client::dice::Dice;
use crate::client::moves::Destination;
use crate::client::pause::pause;
use crate::client::{ClientError, runtime};

/// Before it is asked again whether the group is through.
const AGAIN: Duration = Duration::from_millis(500);

/// Runs until the way has no topic any more; the consumer ends it before that. The session with Castle
/// ends with it.
pub(super) async fn follow(
    ways: Weak<Ways>,
    number: usize,
    way: Arc<Shared>,
    castle: Option<CastleSession>,
) {
    let mut moving = way.moving();
    let (mut failures, mut dice) = (0, Dice::seeded(runtime::entropy()));
    while !way.core().topics().is_empty() {
        let is_any = |topic: &String| way.core().reads(topic);
        // The sender lives as long as the way.
        drop(moving.wait_for(|moving| moving.keys().any(is_any)).await);
        let moves = moving.borrow().clone();
        for (topic, to) in moves.iter().filter(|(topic, _)| way.core().reads(topic)) {
            let follow = Follow { ways: &ways, number, way: &way, topic, to };
            match follow.look(failures).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    tracing::debug!(%error, topic, "the topic is not followed yet");
                }
            }
        }
        let again = if failures == 0 { AGAIN } else { AGAIN + pause(failures, None, &mut dice) };
        sleep(again).await;
    }
    drop(castle);
}

/// One topic on its way.
struct Follow<'a> {
    ways: &'a Weak<Ways>,
    number: usize,
    way: &'a Arc<Shared>,
    topic: &'a str,
    to: &'a Destination,
}

impl Follow<'_> {
    /// Goes over with the topic if the group is through with it.
    async fn look(&self, failures: u32) -> Result<(), ClientError> {
        if !self.way.core().may_leave_topic(self.topic) {
            return Ok(());
        }
        let asked = self.way.upstream.progress(self.topic.to_owned(), failures);
        let answer = timeout(ANSWER_TIMEOUT, asked).await;
        let progress = answer.unwrap_or(Err(ClientError::Unreachable { tried: Vec::new() }))?;
        if !progress.is_through(self.topic, self.to) {
            return Ok(());
        }
        // Servers that can't be used are refused before the topic is left.
        let upstream = self.way.upstream.elsewhere(&self.to.servers)?;
        if self.way.with(|core, now| core.leave_topic(self.topic, now)) {
            self.has_told().await;
            if let Some(ways) = self.ways.upgrade() {
                let origin = Origin { from: self.number, cluster: self.to.cluster.clone() };
                tracing::info!(topic = self.topic, cluster = self.to.cluster, "goes over");
                ways.enter(self.topic, origin, upstream);
            }
        }
        Ok(())
    }

    /// The listener hears that the partitions have gone before it hears where they came.
    async fn has_told(&self) {
        let mut changes = self.way.changes();
        while !self.way.core().has_told() {
            // The sender lives as long as the way.
            let _ = changes.changed().await;
        }
    }
}
