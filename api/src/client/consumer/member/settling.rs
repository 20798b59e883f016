//! `[pure]` What a member tells its group of records, when, and what it makes of the answer.

use std::sync::Arc;
use std::time::Duration;

use super::{Ask, Life, Member, ask, pause_asked_for};
use crate::client::ClientError;
use crate::client::consumer::hand::{Reply, Serial, Verdict};
use crate::client::consumer::options::Settle;
use crate::client::consumer::rebalance::TopicPartition;
use crate::http::groups::{AckRequest, AckResponse};

/// Records in one request that settles or renews.
const SETTLED_AT_ONCE_MAX: usize = 1_000;
/// So many records that are done are told without waiting for more.
const TOLD_AT_ONCE: usize = 500;

impl Member {
    pub(super) fn next_settle(&mut self, now: Duration) -> Option<Ask<(AckRequest, Vec<Serial>)>> {
        if self.is_settling || now < self.settles.until() || now < self.settle_due()? {
            return None;
        }
        let (request, serials) = self.hand.next_said(SETTLED_AT_ONCE_MAX)?;
        self.is_settling = true;
        let request = AckRequest { member: self.member.clone(), ..request };
        Some(ask((request, serials), &self.settles, now))
    }

    /// When what was said is to be told.
    pub(super) fn settle_due(&self) -> Option<Duration> {
        let since = self.hand.said_since()?;
        let is_urgent = self.life != Life::Running || self.hand.queued() >= TOLD_AT_ONCE;
        Some(match self.options.settle {
            Settle::Automatic { every } if !is_urgent => since + every,
            Settle::Automatic { .. } | Settle::Records | Settle::Positions => since,
        })
    }

    pub(super) fn next_renewal(&mut self, now: Duration) -> Option<Ask<(AckRequest, Vec<Serial>)>> {
        if self.is_renewing || now < self.renewals.until() {
            return None;
        }
        let lock = self.options.lock;
        // Rounds are an eighth apart, so at the latest in the middle of its lock each has its turn.
        let (mut renew, mut serials) =
            self.hand.to_renew(now + lock * 5 / 8, lock, SETTLED_AT_ONCE_MAX);
        if serials.is_empty() && self.liveness.sign_due() <= now {
            (renew, serials) = self.hand.to_renew(Duration::MAX, lock, 1);
        }
        if serials.is_empty() {
            return None;
        }
        self.is_renewing = true;
        let request = AckRequest { member: self.member.clone(), renew, ..AckRequest::default() };
        Some(ask((request, serials), &self.renewals, now))
    }

    /// The answer to what was said.
    pub(in crate::client::consumer) fn settled(
        &mut self,
        (sent, now): (Duration, Duration),
        serials: &[Serial],
        answer: Result<AckResponse, ClientError>,
    ) {
        self.is_settling = false;
        let until = (now, self.options.settle_timeout);
        match answer {
            Ok(answer) => {
                self.settles.succeeded();
                let told = self.hand.settled(serials, answer.results, until);
                self.heard(sent, told.is_out);
                if told.has_more {
                    self.settles.failed(now, None);
                }
            }
            Err(error) => {
                self.counted.errors += 1;
                self.settles.failed(now, pause_asked_for(&error));
                tracing::debug!(%error, "records were not settled");
                self.hand.unsettled(serials, &Arc::new(error), until);
            }
        }
    }

    /// The answer to renewals.
    pub(in crate::client::consumer) fn renewed(
        &mut self,
        (sent, now): (Duration, Duration),
        serials: &[Serial],
        answer: Result<AckResponse, ClientError>,
    ) {
        self.is_renewing = false;
        match answer {
            Ok(answer) => {
                self.renewals.succeeded();
                let until = sent + self.options.lock;
                let told = self.hand.renewed(serials, &answer.results, until);
                self.heard(sent, told.is_out);
            }
            Err(error) => {
                self.counted.errors += 1;
                tracing::debug!(%error, "locks were not renewed");
                self.renewals.failed(now, pause_asked_for(&error));
            }
        }
    }

    pub(super) fn heard(&mut self, sent: Duration, is_out: bool) {
        if is_out {
            tracing::warn!(member = %self.member, "the member is not in the group any more");
            self.liveness.is_out();
            self.lose_all();
        } else {
            self.liveness.got_through(sent);
        }
    }

    /// The application says what it did with a record.
    pub(in crate::client::consumer) fn say(
        &mut self,
        serial: Serial,
        verdict: Verdict,
        reply: Option<Reply>,
        now: Duration,
    ) {
        self.visited = now;
        self.hand.say(serial, verdict, reply, now);
    }

    /// All below an offset is committed.
    pub(in crate::client::consumer) fn committed(&mut self, place: &TopicPartition, below: u64) {
        self.hand.committed(place, below);
    }
}
