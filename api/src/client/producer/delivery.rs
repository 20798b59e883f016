//! The way back to whoever sent a record: a future, or a callback.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::error::{DeliveryError, FailureReason};
use super::record::RecordMetadata;
use crate::model::problem::Outcome;

/// What became of a record.
pub type DeliveryResult = Result<RecordMetadata, DeliveryError>;

/// Resolves once it is decided what became of a record, at the latest a moment after the delivery
/// timeout. The record is sent whether this is waited for or dropped.
#[derive(Debug)]
#[must_use = "errors of records that nobody waits for are lost"]
pub struct Delivery {
    partition: u32,
    answer: oneshot::Receiver<DeliveryResult>,
}

impl Delivery {
    /// The partition that was chosen for the record.
    pub fn partition(&self) -> u32 {
        self.partition
    }
}

impl Future for Delivery {
    type Output = DeliveryResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<DeliveryResult> {
        let partition = self.partition;
        let answer = Pin::new(&mut self.answer).poll(context);
        answer.map(|answer| answer.unwrap_or_else(|_| Err(abandoned(partition))))
    }
}

type Callback = Box<dyn FnOnce(DeliveryResult) + Send>;

/// Where the answer to one record goes: to a future or a callback, whatever happens.
pub(super) struct Answer {
    partition: u32,
    listener: Option<Listener>,
}

enum Listener {
    Future(oneshot::Sender<DeliveryResult>),
    Callback(Callback),
}

impl Answer {
    /// To a future.
    pub(super) fn to_future(partition: u32) -> (Answer, Delivery) {
        let (sender, answer) = oneshot::channel();
        let listener = Some(Listener::Future(sender));
        (Answer { partition, listener }, Delivery { partition, answer })
    }

    /// To a callback.
    pub(super) fn to_callback(partition: u32, callback: Callback) -> Answer {
        Answer { partition, listener: Some(Listener::Callback(callback)) }
    }

    /// Answers.
    pub(super) fn give(mut self, result: DeliveryResult) {
        self.hand_over(result);
    }

    /// Nobody is to be told anything: the record was not taken after all.
    pub(super) fn forget(mut self) {
        self.listener = None;
    }

    fn hand_over(&mut self, result: DeliveryResult) {
        match self.listener.take() {
            // Whoever has dropped the future does not want to know.
            Some(Listener::Future(sender)) => drop(sender.send(result)),
            Some(Listener::Callback(callback)) => call(callback, result, self.partition),
            None => {}
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.hand_over(Err(abandoned(self.partition)));
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("partition", &self.partition).finish_non_exhaustive()
    }
}

/// A panic of a callback must not take the task of its partition along.
fn call(callback: Callback, result: DeliveryResult, partition: u32) {
    if catch_unwind(AssertUnwindSafe(|| callback(result))).is_err() {
        tracing::error!(partition, "the callback of a record panicked");
    }
}

fn abandoned(partition: u32) -> DeliveryError {
    DeliveryError::new(Outcome::Unknown, partition, FailureReason::Abandoned)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const METADATA: RecordMetadata =
        RecordMetadata { partition: 3, offset: Some(7), timestamp_ms: 5 };

    #[tokio::test]
    async fn a_future_gets_its_answer_and_one_without_is_abandoned() {
        let (answer, delivery) = Answer::to_future(3);
        assert_eq!(delivery.partition(), 3);
        answer.give(Ok(METADATA));
        assert_eq!(delivery.await.unwrap(), METADATA);
        let (answer, delivery) = Answer::to_future(3);
        drop(answer);
        let error = delivery.await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
    }

    #[test]
    fn a_callback_is_called_once_whatever_happens() {
        let (sender, calls) = mpsc::channel();
        let callback = || {
            let sender = sender.clone();
            Box::new(move |result| sender.send(result).unwrap())
        };
        Answer::to_callback(3, callback()).give(Ok(METADATA));
        assert_eq!(calls.try_recv().unwrap().unwrap(), METADATA);
        drop(Answer::to_callback(3, callback()));
        assert!(matches!(
            calls.try_recv().unwrap().unwrap_err().reason(),
            FailureReason::Abandoned
        ));
        Answer::to_callback(3, callback()).forget();
        assert!(calls.try_recv().is_err(), "it was called after it was taken back");
        Answer::to_callback(3, Box::new(|_| panic!("a callback's own fault"))).give(Ok(METADATA));
    }
}
