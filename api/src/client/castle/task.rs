//! The heartbeats of one client: says how it stands, does what the answer asks for, and says so.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout};

use super::state::{CastleState, Effect};
use super::steered::Steered;
use crate::client::session::Session;
use crate::client::{ClientError, runtime};
use crate::http::castle::{Command, HeartbeatRequest, HeartbeatResponse};
use crate::model::error_code::ErrorCode;

/// Between heartbeats while no answer has named another interval.
const INTERVAL: Duration = Duration::from_secs(5);
/// However short the interval that an answer names.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
const INTERVAL_MAX: Duration = Duration::from_secs(600);
/// To nodes that know no Castle.
const NO_CASTLE_INTERVAL: Duration = Duration::from_secs(60);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The library, for people.
const SDK: &str = concat!("rampart-rust/", env!("CARGO_PKG_VERSION"));

/// Castle, as far as a client needs it.
pub(super) trait Castle: fmt::Debug + Send + Sync + 'static {
    fn beat(
        &self,
        request: HeartbeatRequest,
        failures: u32,
    ) -> BoxFuture<'_, Result<HeartbeatResponse, ClientError>>;
}

impl Castle for Session {
    fn beat(
        &self,
        request: HeartbeatRequest,
        failures: u32,
    ) -> BoxFuture<'_, Result<HeartbeatResponse, ClientError>> {
        let client = self.client(None, failures);
        Box::pin(async move { client.heartbeat(&request).await })
    }
}

/// The heartbeats of one client.
#[derive(Debug)]
pub(super) struct Heartbeats {
    castle: Arc<dyn Castle>,
    session: Arc<Session>,
    client: Weak<dyn Steered>,
    state: CastleState,
    /// Made when the client began.
    session_id: String,
    failures: u32,
    /// Between heartbeats to nodes that know no Castle.
    pub(super) no_castle: Duration,
    /// Between heartbeats while no answer has named another interval.
    pub(super) interval: Duration,
}

impl Heartbeats {
    pub(super) fn new(
        castle: Arc<dyn Castle>,
        session: Arc<Session>,
        client: Weak<dyn Steered>,
    ) -> Heartbeats {
        let session_id = format!("{:016x}", runtime::entropy());
        let state = CastleState::default();
        let (no_castle, interval) = (NO_CASTLE_INTERVAL, INTERVAL);
        Heartbeats { castle, session, client, state, session_id, failures: 0, no_castle, interval }
    }

    /// Beats as long as the client lives.
    pub(super) async fn run(mut self) {
        loop {
            let Some(client) = self.client.upgrade() else { return };
            let interval = self.beat(client.as_ref()).await;
            drop(client);
            if !self.state.is_urgent() || self.failures > 0 {
                sleep(interval).await;
            }
        }
    }

    /// One heartbeat; how long to wait for the next one.
    async fn beat(&mut self, client: &dyn Steered) -> Duration {
        let request = self.state.fill(self.request(client));
        let named = request.done.clone();
        let answer = timeout(ANSWER_TIMEOUT, self.castle.beat(request, self.failures)).await;
        match answer {
            Ok(Ok(answer)) => {
                self.failures = 0;
                let interval = Duration::from_millis(answer.interval_ms);
                for effect in self.state.answered(&named, answer) {
                    self.perform(effect, client).await;
                }
                match interval.is_zero() {
                    true => self.interval,
                    false => interval.clamp(INTERVAL_MIN, INTERVAL_MAX),
                }
            }
            Ok(Err(error)) if error.code() == Some(ErrorCode::NoSuchEndpoint) => {
                self.failures = self.failures.saturating_add(1);
                self.no_castle
            }
            failed => {
                self.failures = self.failures.saturating_add(1);
                if let Ok(Err(error)) = failed {
                    tracing::debug!(%error, "no answer from Castle; going on without");
                }
                self.interval
            }
        }
    }

    fn request(&self, client: &dyn Steered) -> HeartbeatRequest {
        let about = client.about();
        let (subscriptions, stats) = client.report();
        HeartbeatRequest {
            app: about.client_id.clone(),
            client_id: about.client_id,
            instance_id: about.instance_id,
            session: self.session_id.clone(),
            sdk: SDK.to_owned(),
            host: about.host,
            rack: about.rack,
            subscriptions,
            stats,
            ..HeartbeatRequest::default()
        }
    }

    async fn perform(&mut self, effect: Effect, client: &dyn Steered) {
        match effect {
            Effect::Prefer(brokers) => self.session.prefer(&brokers),
            Effect::Topic(topic, dispatch) => client.hint(&topic, &dispatch),
            Effect::MovedTo { topic, cluster, brokers } => {
                let addresses: Vec<_> = brokers.into_iter().map(|broker| broker.http).collect();
                client.moved(&topic, &cluster, &addresses);
            }
            Effect::NotRegistered(code, detail) => {
                let code = code.map(ErrorCode::as_str);
                tracing::warn!(code, detail, "Castle does not know this client; going on without");
            }
            Effect::Do(command) => {
                tracing::info!(?command, "told by Castle");
                self.carry_out(&command, client).await;
            }
        }
    }

    async fn carry_out(&mut self, command: &Command, client: &dyn Steered) {
        match command {
            Command::Move { to } => {
                if !self.session.move_to(to) {
                    tracing::warn!(to, "neither `node:N` nor `rack:NAME`");
                }
            }
            Command::Reinit => {
                self.state.forget();
                let refreshed = timeout(ANSWER_TIMEOUT, self.session.refresh(0)).await;
                if !matches!(refreshed, Ok(Ok(()))) {
                    tracing::debug!("the nodes of the cluster are not known");
                }
                client.obey(command);
            }
            Command::Exit
            | Command::Pause
            | Command::Resume
            | Command::Throttle { .. }
            | Command::Reset { .. } => client.obey(command),
        }
    }
}
