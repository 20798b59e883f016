//! Writes a history as it happens: the beginning of an operation before it is sent, its end before
//! the next one of that process begins. So one that breaks off lacks ends, never beginnings.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::event::{Event, Phase};
use crate::harness::clock::Stopwatch;

type Now = Box<dyn Fn() -> u64 + Send + Sync>;

/// Takes events of all processes of a run. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

struct Inner {
    now: Now,
    state: Mutex<State>,
}

struct State {
    sink: Box<dyn Write + Send>,
    next_op: u64,
    /// The first error of the sink: a history with a hole must not be judged.
    failed: Option<io::Error>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl Recorder {
    /// A recorder into `sink`; `now` answers nanoseconds since the run began.
    pub fn new(
        sink: impl Write + Send + 'static,
        now: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Recorder {
        let state = State { sink: Box::new(sink), next_op: 1, failed: None };
        Recorder { inner: Arc::new(Inner { now: Box::new(now), state: Mutex::new(state) }) }
    }

    /// A recorder into a new file, on the real clock.
    pub fn create(path: &Path) -> io::Result<Recorder> {
        let watch = Stopwatch::start();
        let now = move || u64::try_from(watch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(Recorder::new(BufWriter::new(File::create(path)?), now))
    }

    /// Nanoseconds since the run began.
    pub fn now(&self) -> u64 {
        (self.inner.now)()
    }

    /// Writes the beginning of an operation; answers the event with its operation id, for `end`.
    pub fn invoke(&self, event: Event) -> Event {
        let mut state = self.state();
        let op = state.next_op;
        state.next_op += 1;
        let event = Event { op, phase: Phase::Invoke, time: self.now(), ..event };
        state.write(&event);
        event
    }

    /// Writes the end of an operation that `invoke` answered, with what became known.
    pub fn end(&self, event: Event, phase: Phase) {
        let mut state = self.state();
        let event = Event { phase, time: self.now(), ..event };
        state.write(&event);
    }

    /// Writes something that has no duration.
    pub fn note(&self, event: Event) {
        let event = self.invoke(event);
        self.end(event, Phase::Ok);
    }

    /// Hands everything to the system; an error if a line was lost.
    pub fn flush(&self) -> io::Result<()> {
        let mut state = self.state();
        if let Some(error) = state.failed.take() {
            return Err(error);
        }
        state.sink.flush()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, event: &Event) {
        let written = serde_json::to_writer(&mut self.sink, event)
            .map_err(io::Error::from)
            .and_then(|()| self.sink.write_all(b"\n"));
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }
}
