//! The client's session with Castle, the dispatcher in every node: a heartbeat that says what the
//! client does, and whose answer says which nodes to ask and what to do. Producers and consumers have
//! one unless their option `castle` is off; [`Client::appear`] gives one to those who administer.
//!
//! Castle decides nothing that matters for correctness: its answers are hints, and any node refuses
//! what it can't do. A client that reaches no Castle goes on with what it has, and tries again.
//!
//! | directive | a producer | a consumer |
//! | --- | --- | --- |
//! | pause, resume | `send` waits | asks for no records, delivers none, and stays in its group |
//! | throttle | `send` waits | asks for records more slowly |
//! | move | prefers that node, or the nodes of that rack | the same |
//! | reinit | asks for topics and nodes anew | the same |
//! | reset | nothing | drops what it has of the topic, and reads on where the group was moved to |
//! | exit | takes nothing more; what was taken is sent; `send` says `Ended` | settles what is in hand, leaves; `poll` says `Ended` |
//!
//! Each is acknowledged by a heartbeat that follows at once; `exit` when it has begun.

mod state;
mod steered;
mod task;
#[cfg(test)]
mod tests;
mod throttle;

use std::sync::Arc;

pub(in crate::client) use steered::{About, Steered};
pub(in crate::client) use throttle::Throttle;

use super::session::Session;
use super::{Client, runtime};

/// A session with Castle. Ends when it is dropped.
#[derive(Debug)]
pub struct CastleSession {
    task: tokio::task::JoinHandle<()>,
    /// What the session steers, if nobody else holds it.
    onlooker: Option<Arc<dyn Steered>>,
}

impl Drop for CastleSession {
    fn drop(&mut self) {
        self.task.abort();
        self.onlooker = None;
    }
}

impl Client {
    /// Makes this client known to Castle under that name, as one that administers.
    pub fn appear(&self, client_id: impl Into<String>) -> CastleSession {
        let client_id = client_id.into();
        let instance_id = instance_of(&client_id);
        let about = About { client_id, instance_id, ..About::default() };
        let onlooker: Arc<dyn Steered> = Arc::new(steered::Onlooker(about));
        let session = Arc::new(Session::new(self.clone()));
        let mut castle = start(session, &onlooker);
        castle.onlooker = Some(onlooker);
        castle
    }
}

/// A name that no other client has.
pub(in crate::client) fn instance_of(client_id: &str) -> String {
    format!("{client_id}-{:016x}", runtime::entropy())
}

/// Begins a session of a client. It does not keep the client alive.
pub(in crate::client) fn start(session: Arc<Session>, client: &Arc<dyn Steered>) -> CastleSession {
    let beat = task::Heartbeats::new(session.clone(), session, Arc::downgrade(client));
    CastleSession { task: runtime::spawn(beat.run()), onlooker: None }
}
