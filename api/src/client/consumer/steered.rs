//! What a consumer tells Castle of itself, and what it does when Castle tells it to.

use std::collections::BTreeMap;

use super::shared::Shared;
use crate::client::castle::{About, Steered};
use crate::client::moves::Destination;
use crate::http::castle::{ClientStats, Command, Role, Subscription};

impl Steered for Shared {
    fn about(&self) -> About {
        About {
            client_id: self.options.client_id.clone(),
            instance_id: self.core().member().to_owned(),
            host: self.options.host.clone(),
            rack: self.options.rack.clone(),
        }
    }

    fn report(&self) -> (Vec<Subscription>, ClientStats) {
        let mut core = self.core();
        let mut held: BTreeMap<String, Vec<u32>> =
            core.topics().iter().map(|topic| (topic.clone(), Vec::new())).collect();
        for place in core.held() {
            held.entry(place.topic.to_string()).or_default().push(place.partition);
        }
        let subscriptions = held.into_iter().map(|(topic, held)| Subscription {
            role: Role::Consumer,
            topic,
            group: Some(self.options.group.clone()),
            member: Some(core.member().to_owned()),
            held,
        });
        let subscriptions = subscriptions.collect();
        let counted = std::mem::take(&mut core.counted);
        let stats = ClientStats {
            // The group knows it.
            lag: 0,
            in_flight: core.hand.len() as u64,
            records: counted.records,
            bytes: counted.bytes,
            errors: counted.errors,
        };
        (subscriptions, stats)
    }

    fn moved(&self, topic: &str, cluster: &str, addresses: &[String]) {
        let servers = addresses.iter().filter(|address| !address.is_empty()).cloned().collect();
        let to = Destination { cluster: cluster.to_owned(), servers };
        // It is said again once its servers are known.
        if !to.servers.is_empty() {
            self.goes_on(topic, to);
        }
    }

    fn obey(&self, command: &Command) {
        self.with(|core, now| match command {
            Command::Pause => core.set_paused(true),
            Command::Resume => core.set_paused(false),
            Command::Throttle { bytes_per_second } => core.set_rate(*bytes_per_second, now),
            Command::Reset { topic } => core.drop_moved(|place| *place.topic == **topic),
            Command::Exit => core.end(),
            // The next poll tells what there is to know.
            Command::Reinit => core.stale(),
            Command::Move { .. } => {}
        });
        self.announce();
    }
}
