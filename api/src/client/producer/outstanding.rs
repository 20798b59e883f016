//! What is taken and not yet decided, so that `flush` can wait for all that was taken before it, and
//! for nothing that came after. Time is cut into generations: each flush ends one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The batches that are not decided, by generation.
#[derive(Debug)]
pub(super) struct Outstanding {
    state: Mutex<State>,
    /// The oldest generation with a batch that is not decided, or the current one.
    oldest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    current: u64,
    batches: BTreeMap<u64, usize>,
}

/// A batch that is not decided. Dropping it decides.
#[derive(Debug)]
pub(super) struct Ticket {
    generation: u64,
    of: Arc<Outstanding>,
}

impl Outstanding {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Outstanding { state: Mutex::default(), oldest: watch::Sender::new(0) })
    }

    /// A batch of the current generation.
    pub(super) fn enter(self: &Arc<Self>) -> Ticket {
        let mut state = self.lock();
        let generation = state.current;
        *state.batches.entry(generation).or_default() += 1;
        Ticket { generation, of: self.clone() }
    }

    /// Ends the current generation, and gives its number.
    pub(super) fn end_generation(&self) -> u64 {
        let mut state = self.lock();
        let ended = state.current;
        state.current += 1;
        self.publish(&state);
        ended
    }

    /// Waits until every batch up to this generation, which has ended, is decided.
    pub(super) async fn decided(&self, generation: u64) {
        let mut oldest = self.oldest.subscribe();
        // The sender lives as long as `self`.
        let _ = oldest.wait_for(|oldest| *oldest > generation).await;
    }

    fn leave(&self, generation: u64) {
        let mut state = self.lock();
        if let Some(count) = state.batches.get_mut(&generation) {
            *count -= 1;
            if *count == 0 {
                state.batches.remove(&generation);
                self.publish(&state);
            }
        }
    }

    fn publish(&self, state: &State) {
        let oldest = state.batches.keys().next().copied().unwrap_or(state.current);
        self.oldest.send_replace(oldest);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.of.leave(self.generation);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_decided(outstanding: &Outstanding, generation: u64) -> bool {
        outstanding.decided(generation).now_or_never().is_some()
    }

    #[test]
    fn a_flush_waits_for_what_was_before_it_only() {
        let outstanding = Outstanding::new();
        let nothing = outstanding.end_generation();
        assert!(is_decided(&outstanding, nothing));
        let (a, b) = (outstanding.enter(), outstanding.enter());
        let first = outstanding.end_generation();
        let c = outstanding.enter();
        let second = outstanding.end_generation();
        let d = outstanding.enter();
        drop(c);
        assert!(!is_decided(&outstanding, second), "what is older counts too");
        drop(a);
        assert!(!is_decided(&outstanding, first));
        drop(b);
        assert!(is_decided(&outstanding, first));
        assert!(is_decided(&outstanding, second));
        drop(d);
    }
}
