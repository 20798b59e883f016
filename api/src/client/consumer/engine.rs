//! The consumer's task: does what the core wants done, and reports what came of it. One poll, one
//! request that settles and one that renews are under way at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, OptionFuture};
use tokio::time::{sleep_until, timeout};
use tracing::Instrument;

use super::hand::Serial;
use super::member::Ask;
use super::rebalance::Change;
use super::shared::Shared;
use super::upstream::{ANSWER_TIMEOUT, Polled};
use crate::client::ClientError;
use crate::http::groups::{AckRequest, AckResponse, PollRequest};

/// A question under way, which ends with its answer.
type Under<T> = OptionFuture<BoxFuture<'static, T>>;
type PollEnd = (Duration, Result<Polled, ClientError>);
type SettleEnd = (Duration, Vec<Serial>, Result<AckResponse, ClientError>);

/// The task.
pub(super) struct Engine {
    shared: Arc<Shared>,
    poll: Under<PollEnd>,
    settle: Under<SettleEnd>,
    renew: Under<SettleEnd>,
}

impl Engine {
    pub(super) fn new(shared: Arc<Shared>) -> Engine {
        let (poll, settle, renew) = (None.into(), None.into(), None.into());
        Engine { shared, poll, settle, renew }
    }

    /// Runs until the consumer has left its group.
    pub(super) async fn run(mut self) {
        loop {
            let step = self.shared.core().next(self.shared.now());
            if !step.changes.is_empty() {
                self.tell(&step.changes);
            }
            if step.leave {
                return self.leave().await;
            }
            if let Some(ask) = step.poll {
                self.poll = Some(self.begin_poll(ask)).into();
            }
            if let Some(ask) = step.settle {
                self.settle = Some(self.begin_settle(ask)).into();
            }
            if let Some(ask) = step.renew {
                self.renew = Some(self.begin_settle(ask)).into();
            }
            self.shared.announce();
            self.wait(step.wake_at).await;
        }
    }

    async fn wait(&mut self, wake_at: Duration) {
        let shared = &self.shared;
        tokio::select! {
            Some((sent, answer)) = &mut self.poll => {
                self.poll = None.into();
                shared.with(|core, now| core.polled((sent, now), answer));
            }
            Some((sent, serials, answer)) = &mut self.settle => {
                self.settle = None.into();
                shared.with(|core, now| core.settled((sent, now), &serials, answer));
            }
            Some((sent, serials, answer)) = &mut self.renew => {
                self.renew = None.into();
                shared.with(|core, now| core.renewed((sent, now), &serials, answer));
            }
            () = shared.work.notified() => {}
            () = sleep_until(shared.at(wake_at)) => {}
        }
    }

    fn begin_poll(&self, ask: Ask<PollRequest>) -> BoxFuture<'static, PollEnd> {
        let shared = self.shared.clone();
        let span = tracing::debug_span!(
            "consumer_poll",
            group = %shared.options.group,
            member = %ask.what.member,
            max_records = ask.what.max_records,
            failures = ask.failures,
            records = tracing::field::Empty,
        );
        let polled = async move {
            let answer = shared.upstream.poll(ask.what, ask.failures).await;
            if let Ok(polled) = &answer {
                tracing::Span::current().record("records", polled.records.len());
            }
            (ask.sent, answer)
        };
        Box::pin(polled.instrument(span))
    }

    fn begin_settle(&self, ask: Ask<(AckRequest, Vec<Serial>)>) -> BoxFuture<'static, SettleEnd> {
        let shared = self.shared.clone();
        let (request, serials) = ask.what;
        let span = tracing::debug_span!(
            "consumer_settle",
            group = %shared.options.group,
            member = %request.member,
            ack = request.ack.len(),
            retry = request.retry.len(),
            reject = request.reject.len(),
            renew = request.renew.len(),
            failures = ask.failures,
        );
        let settled = async move {
            let answer = shared.upstream.settle(request, ask.failures).await;
            (ask.sent, serials, answer)
        };
        Box::pin(settled.instrument(span))
    }

    fn tell(&self, changes: &[Change]) {
        for change in changes {
            let group = &self.shared.options.group;
            match change {
                Change::Lost(_) => tracing::warn!(%group, ?change, "partitions were lost"),
                Change::Assigned(_) | Change::Revoked(_) => {
                    tracing::info!(%group, ?change, "partitions changed hands");
                }
            }
            if let Some(listener) = self.shared.listener()
                && catch_unwind(AssertUnwindSafe(|| change.tell(listener))).is_err()
            {
                tracing::error!(%group, "the listener of a consumer panicked");
            }
        }
        self.shared.core().told();
        self.shared.announce();
    }

    async fn leave(self) {
        let Engine { shared, poll, settle, renew } = self;
        drop((poll, settle, renew));
        let member = shared.core().member().to_owned();
        for failures in 0..2 {
            let left = timeout(ANSWER_TIMEOUT, shared.upstream.leave(member.clone(), failures));
            match left.await {
                Ok(Ok(())) => break,
                // Its session runs out by itself.
                Ok(Err(error)) => tracing::debug!(%error, "the group was not left"),
                Err(_) => tracing::debug!("the group was not left in time"),
            }
        }
        shared.core().has_ended();
        shared.announce();
    }
}
