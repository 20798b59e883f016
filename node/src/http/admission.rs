//! Bytes in flight: what has been received for produce requests and is not answered yet, bounded per
//! connection and per node (INV-12). Taken as the bytes arrive, so that a client that declares much
//! and sends nothing holds nothing. Answers to fetches have a budget of their own: taken before the
//! read, corrected by what came, given back when the answer has been sent.

use std::sync::Arc;
use std::time::Duration;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a request that has begun waits for others to make room. Not reading is back-pressure.
const ROOM_WAIT: Duration = Duration::from_secs(1);

/// The node's budget. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    node: Arc<Semaphore>,
    node_max: usize,
    connection_max: usize,
}

/// One connection's budget; travels with its requests as an extension.
#[derive(Debug, Clone)]
pub(super) struct ConnectionBudget(Arc<Semaphore>);

/// Bytes that a request holds. Given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Held {
    node: Option<OwnedSemaphorePermit>,
    connection: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// Budgets of so many bytes.
    pub(super) fn new(node_max: u64, connection_max: u64) -> Self {
        let max = |bytes: u64| {
            usize::try_from(bytes).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS)
        };
        Budget {
            node: Arc::new(Semaphore::new(max(node_max))),
            node_max: max(node_max),
            connection_max: max(connection_max),
        }
    }

    /// The budget of a new connection.
    pub(super) fn connection(&self) -> ConnectionBudget {
        ConnectionBudget(Arc::new(Semaphore::new(self.connection_max)))
    }

    /// Refuses a body of a declared size that certainly has no room now, before it is read.
    ///
    /// # Errors
    /// `OVERLOADED`.
    pub(super) fn check(
        &self,
        connection: &ConnectionBudget,
        declared: usize,
    ) -> Result<(), Problem> {
        if self.node.available_permits() < declared.min(self.node_max) {
            return Err(self.no_room("node", self.node_max));
        }
        if connection.0.available_permits() < declared.min(self.connection_max) {
            return Err(self.no_room("connection", self.connection_max));
        }
        Ok(())
    }

    /// Takes room for bytes that arrived; waits a little if there is none.
    ///
    /// # Errors
    /// `OVERLOADED`.
    pub(super) async fn take(
        &self,
        connection: &ConnectionBudget,
        held: &mut Held,
        bytes: usize,
    ) -> Result<(), Problem> {
        let taken = take(&connection.0, bytes.min(self.connection_max)).await;
        let permit = taken.ok_or_else(|| self.no_room("connection", self.connection_max))?;
        merge(&mut held.connection, permit);
        let taken = take(&self.node, bytes.min(self.node_max)).await;
        let permit = taken.ok_or_else(|| self.no_room("node", self.node_max))?;
        merge(&mut held.node, permit);
        Ok(())
    }

    /// Nothing is in flight.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.node.available_permits() == self.node_max
    }

    fn no_room(&self, whose: &str, max: usize) -> Problem {
        let detail = format!("more than {max} bytes are in flight on this {whose}");
        Problem::new(ErrorCode::Overloaded, detail).hint("wait for answers before sending more")
    }
}

/// The node's budget of answers to fetches. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct AnswerBudget {
    node: Arc<Semaphore>,
    max: usize,
}

/// Bytes that an answer holds. Given back when dropped.
#[derive(Debug)]
pub(super) struct Room {
    budget: AnswerBudget,
    permit: OwnedSemaphorePermit,
}

impl AnswerBudget {
    /// A budget of so many bytes.
    pub(super) fn new(max: u64) -> Self {
        let max = usize::try_from(max).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        AnswerBudget { node: Arc::new(Semaphore::new(max)), max }
    }

    /// Takes room for an answer of about so many bytes. A reader is refused at once: it can ask
    /// another node, and has sent nothing that would be lost.
    ///
    /// # Errors
    /// `OVERLOADED`.
    pub(super) fn take(&self, bytes: usize) -> Result<Room, Problem> {
        Ok(Room { permit: self.permit(bytes)?, budget: self.clone() })
    }

    fn permit(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let permits = u32::try_from(bytes.min(self.max)).unwrap_or(u32::MAX);
        self.node.clone().try_acquire_many_owned(permits).map_err(|_| {
            let detail =
                format!("answers of more than {} bytes are being sent by this node", self.max);
            Problem::new(ErrorCode::Overloaded, detail)
                .hint("read what was answered before asking for more, or ask another node")
        })
    }

    /// Nothing is being answered.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.node.available_permits() == self.max
    }
}

impl Room {
    /// Corrects it to what the answer really has.
    ///
    /// # Errors
    /// `OVERLOADED`.
    pub(super) fn fit(&mut self, bytes: usize) -> Result<(), Problem> {
        let (held, wanted) = (self.permit.num_permits(), bytes.min(self.budget.max));
        if wanted <= held {
            drop(self.permit.split(held - wanted));
            return Ok(());
        }
        self.permit.merge(self.budget.permit(wanted - held)?);
        Ok(())
    }
}

async fn take(semaphore: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let permits = u32::try_from(bytes).ok()?;
    let acquired = semaphore.clone().acquire_many_owned(permits);
    tokio::time::timeout(ROOM_WAIT, acquired).await.ok()?.ok()
}

fn merge(held: &mut Option<OwnedSemaphorePermit>, permit: OwnedSemaphorePermit) {
    match held {
        Some(held) => held.merge(permit),
        None => *held = Some(permit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_fitted_refused_and_given_back() {
        let budget = AnswerBudget::new(100);
        let mut one = budget.take(60).unwrap();
        assert_eq!(budget.take(41).unwrap_err().code, ErrorCode::Overloaded);
        one.fit(10).unwrap();
        let mut two = budget.take(80).unwrap();
        assert_eq!(two.fit(91).unwrap_err().code, ErrorCode::Overloaded);
        two.fit(90).unwrap();
        drop((one, two));
        // One answer that is larger than all there is has all there is.
        budget.take(1_000).unwrap();
        assert!(budget.is_idle());
    }

    #[tokio::test]
    async fn room_is_taken_refused_and_given_back() {
        let budget = Budget::new(100, 60);
        let (one, two) = (budget.connection(), budget.connection());
        let mut first = Held::default();
        budget.take(&one, &mut first, 40).await.unwrap();
        budget.take(&one, &mut first, 20).await.unwrap();
        let refused = budget.take(&one, &mut Held::default(), 1).await.unwrap_err();
        assert!(refused.detail.contains("60 bytes are in flight on this connection"));
        assert_eq!(refused.code, ErrorCode::Overloaded);
        let refused = budget.check(&two, 50).unwrap_err();
        assert!(refused.detail.contains("on this node"), "{refused}");
        budget.check(&two, 40).unwrap();
        drop(first);
        budget.check(&one, 60).unwrap();
        budget.check(&two, 1_000).unwrap();
    }
}
