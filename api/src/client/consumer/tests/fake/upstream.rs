//! The coordinator in memory as a consumer asks it: what gets through, and what is done of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::sleep;

use super::{Fake, Fate};
use crate::client::castle::{CastleSession, Steered};
use crate::client::consumer::through::Progress;
use crate::client::consumer::upstream::{Polled, Upstream};
use crate::client::{ClientError, runtime};
use crate::http::groups::{
    AckRequest, AckResponse, CommitRequest, CommitResponse, PollRequest, ResetRequest,
    ResetResponse, ResetTo,
};

fn lost() -> ClientError {
    ClientError::Interrupted { server: "fake".to_owned(), reason: "cut".to_owned() }
}

/// Does a request with its fate.
fn with_fate<T>(fate: Option<Fate>, act: impl FnOnce() -> T) -> Result<T, ClientError> {
    match fate.unwrap_or(Fate::Done) {
        Fate::Lost => Err(lost()),
        Fate::Refused(problem) => Err(problem.into()),
        Fate::Done => Ok(act()),
        Fate::AnswerLost => {
            act();
            Err(lost())
        }
    }
}

impl Upstream for Fake {
    fn poll(&self, ask: PollRequest, _: u32) -> BoxFuture<'_, Result<Polled, ClientError>> {
        Box::pin(async move {
            self.pass().await;
            self.state().polls.push(ask.clone());
            let until = runtime::now() + Duration::from_millis(ask.wait_ms.unwrap());
            loop {
                let fate = self.state().poll_fates.pop_front();
                let polled = with_fate(fate, || self.state().poll(&ask))?;
                if !polled.records.is_empty() || runtime::now() >= until {
                    return Ok(polled);
                }
                sleep(Duration::from_millis(50)).await;
                self.pass().await;
            }
        })
    }

    fn settle(&self, ask: AckRequest, _: u32) -> BoxFuture<'_, Result<AckResponse, ClientError>> {
        Box::pin(async move {
            self.pass().await;
            let fate = self.state().settle_fates.pop_front();
            self.state().settles.push(ask.clone());
            with_fate(fate, || self.state().settle(&ask))
        })
    }

    fn commit(
        &self,
        ask: CommitRequest,
        _: u32,
    ) -> BoxFuture<'_, Result<CommitResponse, ClientError>> {
        Box::pin(async move {
            self.pass().await;
            let fate = self.state().commit_fates.pop_front();
            Ok(with_fate(fate, || self.state().commit(&ask))??)
        })
    }

    fn reset(
        &self,
        ask: ResetRequest,
        _: u32,
    ) -> BoxFuture<'_, Result<ResetResponse, ClientError>> {
        Box::pin(async move {
            self.pass().await;
            let mut state = self.state();
            assert!(ask.force, "it has members");
            state.generation += 1;
            let generation = state.generation;
            let partition = state.find(&ask.topic, ask.partitions[0]);
            partition.committed = match ask.to {
                ResetTo::Offset(offset) => offset,
                ResetTo::Earliest => 0,
                other => panic!("{other:?} is not played"),
            };
            partition.settled.clear();
            partition.epoch = generation;
            partition.begin_anew();
            Ok(ResetResponse::default())
        })
    }

    fn leave(&self, member: String, _: u32) -> BoxFuture<'_, Result<(), ClientError>> {
        Box::pin(async move {
            self.pass().await;
            self.state().expel(&member);
            Ok(())
        })
    }

    fn progress(&self, topic: String, _: u32) -> BoxFuture<'_, Result<Progress, ClientError>> {
        Box::pin(async move {
            self.pass().await;
            let mut state = self.state();
            state.asked += 1;
            Ok(state.progress(&topic))
        })
    }

    fn elsewhere(&self, servers: &[String]) -> Result<Arc<dyn Upstream>, ClientError> {
        let other = self.state().others.get(&servers[0]).cloned();
        Ok(other.ok_or_else(lost)?)
    }

    fn steer(&self, _: &Arc<dyn Steered>) -> Option<CastleSession> {
        None
    }
}
