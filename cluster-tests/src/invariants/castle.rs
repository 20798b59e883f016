//! P20, INV-11: no answer of Castle names a node that was removed, once two heartbeats have passed
//! since; and soon after healing everybody who follows Castle is served. An answer may be stale, but
//! not for ever, and nobody is left alone with one.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::liveness::WORST;
use super::property::Property::P20;
use super::wait::Wait;
use super::write::{seconds, when};
use crate::history::castle::Dispatch;
use crate::history::event::{Event, Phase};

/// Heartbeats for which a removed node may still be named.
const HEARTBEATS: u64 = 2;
const MILLISECOND: u64 = 1_000_000;

/// What Castle told its clients, and how they fared.
#[derive(Debug, Default)]
pub(super) struct Castle {
    /// Nodes that are gone for good, and when that was known.
    removed: BTreeMap<u32, u64>,
    /// Those who follow it, by process.
    clients: BTreeMap<u32, Client>,
}

#[derive(Debug, Default)]
struct Client {
    /// The nodes that its last whole answer named.
    named: BTreeSet<u32>,
    /// For an acknowledged write.
    wait: Wait,
}

impl Castle {
    /// A process follows Castle from now on.
    pub(super) fn is_followed_by(&mut self, process: u32) {
        self.clients.entry(process).or_default();
    }

    /// A node was removed from the cluster.
    pub(super) fn is_removed(&mut self, node: u32, time: u64) {
        self.removed.entry(node).or_insert(time);
    }

    /// A fault began or ended. Nothing is in force since this time, or something is.
    pub(super) fn is_disturbed(&mut self, calm_since: Option<u64>) {
        self.clients.values_mut().for_each(|client| client.wait.restart(calm_since));
    }

    /// A heartbeat that was sent at this time is answered.
    pub(super) fn answered(&mut self, event: &Event, asked_at: u64, findings: &mut Findings) {
        let Some(dispatch) = &event.dispatch else { return };
        let client = self.clients.entry(event.process).or_default();
        client.learn(dispatch);
        findings.facts(P20, 1);
        let still_allowed = dispatch.interval_ms.saturating_mul(HEARTBEATS * MILLISECOND);
        for node in &client.named {
            let Some(removed) = self.removed.get(node) else { continue };
            if asked_at > removed.saturating_add(still_allowed) {
                findings.violation(P20, || {
                    let (asked, removed) = (seconds(asked_at), seconds(*removed));
                    let (status, when) = (&dispatch.status, when(event));
                    format!(
                        "node {node} was removed at {removed}, and who asked at {asked} is told \
                         `{status}`, which names it: {when}"
                    )
                });
            }
        }
    }

    /// A process begins to write.
    pub(super) fn write_begins(&mut self, event: &Event) {
        if let Some(client) = self.clients.get_mut(&event.process) {
            client.wait.begins(event.time);
        }
    }

    /// Its write ends, however.
    pub(super) fn write_ends(&mut self, event: &Event, findings: &mut Findings) {
        let Some(client) = self.clients.get_mut(&event.process) else { return };
        client.wait.ends();
        if event.phase != Phase::Ok {
            return;
        }
        if let Some(since) = client.wait.is_over() {
            served_late(event.process, (since, event.time), findings);
        }
    }

    /// There is nothing more; answers who was not served, where that may be too early to say.
    pub(super) fn at_end(&self, now: u64, findings: &mut Findings) -> Vec<String> {
        let mut undecided = Vec::new();
        for (process, client) in self.clients.iter().filter(|(_, client)| client.wait.is_open()) {
            match client.wait.since().filter(|since| now.saturating_sub(*since) > WORST) {
                Some(since) => served_late(*process, (since, now), findings),
                None => undecided.push(format!(
                    "process {process} follows Castle, and was not served after the last heal"
                )),
            }
        }
        undecided
    }
}

impl Client {
    fn learn(&mut self, dispatch: &Dispatch) {
        if !dispatch.is_no_change() {
            self.named = dispatch.nodes().collect();
        }
    }
}

/// A client waited from one time to the other.
fn served_late(process: u32, (since, now): (u64, u64), findings: &mut Findings) {
    findings.facts(P20, 1);
    if now.saturating_sub(since) > WORST {
        findings.violation(P20, || {
            let (since, now) = (seconds(since), seconds(now));
            format!("process {process} follows Castle: no write of it from {since} to {now}")
        });
    }
}
