//! Many at once: workers that each take their own keys, so that the records of a key are worked on
//! one after the other and in their order.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{Either, join_all, select};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::error::ConsumerError;
use super::hand::Verdict;
use super::handle::Consumer;
use super::lanes::lane_of;
use super::options::Settle;
use super::record::{ConsumerRecord, Message};
use crate::client::runtime;

/// Records that wait for a worker.
const WAITING_MAX: usize = 16;

impl Consumer {
    /// Has records worked on by so many at once, until `until` resolves: then nothing more is begun,
    /// what is in hand is finished and told, and the consumer leaves its group.
    ///
    /// Records of a key are worked on one after the other, in their order; those without a key, in
    /// the order of their partition. This holds for first deliveries: a record that is to be retried
    /// holds up nothing, and comes behind what follows it. A handler that panics has the record
    /// retried.
    ///
    /// # Errors
    /// The consumer settles by positions, which have no place for records that are done in another
    /// order; an operator ended it; or the group refuses it for good.
    pub async fn run<H, F>(
        self,
        parallelism: usize,
        handler: H,
        until: impl Future<Output = ()>,
    ) -> Result<(), ConsumerError>
    where
        H: Fn(Message) -> F + Send + Sync + 'static,
        F: Future<Output = Verdict> + Send + 'static,
    {
        if self.options().settle == Settle::Positions {
            return Err(ConsumerError::OtherWay("by positions: records are done in any order"));
        }
        let handler = Arc::new(handler);
        let workers = (0..parallelism.max(1)).map(|_| worker(handler.clone()));
        let (lanes, tasks): (Vec<_>, Vec<_>) = workers.unzip();
        let end = {
            let given_out = pin!(self.give_out(&lanes));
            match select(given_out, pin!(until)).await {
                Either::Left((end, _)) => end,
                Either::Right(((), _)) => Ok(()),
            }
        };
        drop(lanes);
        // What was given out is finished; a worker can't panic, for its handler's are caught.
        drop(join_all(tasks).await);
        self.close().await;
        end
    }

    async fn give_out(&self, lanes: &[mpsc::Sender<ConsumerRecord>]) -> Result<(), ConsumerError> {
        loop {
            let max = self.options().records_max;
            for record in self.next(max, false, None).await? {
                let lane = lane_of(&record, lanes.len());
                if lanes[lane].send(record).await.is_err() {
                    return Err(ConsumerError::Closed);
                }
            }
        }
    }
}

fn worker<H, F>(handler: Arc<H>) -> (mpsc::Sender<ConsumerRecord>, JoinHandle<()>)
where
    H: Fn(Message) -> F + Send + Sync + 'static,
    F: Future<Output = Verdict> + Send + 'static,
{
    let (lane, mut records) = mpsc::channel::<ConsumerRecord>(WAITING_MAX);
    let work = async move {
        while let Some(record) = records.recv().await {
            let (message, handle) = record.into_parts();
            let handled = AssertUnwindSafe(async { handler(message).await }).catch_unwind().await;
            let verdict = handled.unwrap_or_else(|_| {
                tracing::error!("the handler of a record panicked");
                Verdict::Retry { delay: None, error: "the handler panicked".to_owned() }
            });
            // The answer is the task's to deal with.
            drop(handle.say(verdict));
        }
    };
    (lane, runtime::spawn(work))
}
