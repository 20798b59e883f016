//! Work that waits for the disk, done for several files at once: a disk takes much more when it is
//! asked for several things than for one after the other, and the file system makes one commit of
//! syncs that come together.

use std::any::Any;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::engine::committer::panic_text;

/// So many threads work, with the one that asks.
const THREADS_MAX: usize = 6;

/// Does the work for each, and answers when all is done; the first failure if there was one.
pub(super) fn each<T: Sync>(
    items: &[T],
    work: impl Fn(&T) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    let work_on = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item)?;
        }
        Ok(())
    };
    let helpers = items.len().clamp(1, THREADS_MAX) - 1;
    thread::scope(|scope| {
        let thread = || thread::Builder::new().name("store-beside".to_owned());
        // Without a helper whoever asks does its part.
        let spawn = |_| thread().spawn_scoped(scope, work_on).ok();
        let helpers: Vec<_> = (0..helpers).filter_map(spawn).collect();
        let panicked = |panic: Box<dyn Any + Send>| {
            Err(io::Error::other(format!("a panic: {}", panic_text(&*panic))))
        };
        let helped =
            |helper: thread::ScopedJoinHandle<'_, _>| helper.join().unwrap_or_else(panicked);
        let done = work_on();
        helpers.into_iter().map(helped).fold(done, Result::and)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    fn counters(items: usize) -> Vec<AtomicUsize> {
        (0..items).map(|_| AtomicUsize::new(0)).collect()
    }

    #[test]
    fn each_is_worked_on_once() {
        for items in [0, 1, 2, THREADS_MAX, 5 * THREADS_MAX] {
            let counters = counters(items);
            each(&counters, |counter| {
                counter.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
            .unwrap();
            assert!(counters.iter().all(|counter| counter.load(Ordering::Relaxed) == 1));
        }
    }

    #[test]
    fn several_are_under_way_at_once() {
        let barrier = Barrier::new(THREADS_MAX);
        // Nobody comes through it before all are there.
        each(&counters(THREADS_MAX), |_| {
            barrier.wait();
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_failure_or_a_panic_of_one_fails_all() {
        for failing in 0..4 {
            let numbers = [0, 1, 2, 3];
            let fail = |number: &i32| match *number == failing {
                true => Err(io::Error::other("no disk")),
                false => Ok(()),
            };
            assert_eq!(each(&numbers, fail).unwrap_err().to_string(), "no disk");
        }
        let panics = |number: &usize| -> io::Result<()> { panic!("{number}") };
        let panicked = std::panic::catch_unwind(|| each(&[1, 2], panics));
        assert!(!matches!(panicked, Ok(Ok(()))));
    }
}
