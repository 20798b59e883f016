//! One line that says how far the run is: a bar on a terminal, a line every ten seconds elsewhere.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::workloads::traffic::Traffic;
use tokio::task::JoinHandle;

/// How often the bar moves.
const TICK: Duration = Duration::from_millis(500);
/// How many ticks a plain line is apart from the next.
const TICKS_PER_LINE: u32 = 20;

/// What is shown while it runs.
pub(crate) struct Progress {
    shown: Arc<Shown>,
    ticker: JoinHandle<()>,
}

struct Shown {
    bar: ProgressBar,
    watch: Stopwatch,
    duration: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    phase: String,
    /// Faults in force, by the number of their step.
    faults: BTreeSet<(usize, String)>,
}

impl Progress {
    /// Shows the numbers of this traffic from now on.
    pub(crate) fn start(traffic: &Traffic, duration: Duration) -> Progress {
        let bar = ProgressBar::new(duration.as_secs());
        if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {bar:20} {wide_msg}") {
            bar.set_style(style);
        }
        let (watch, state) = (Stopwatch::start(), Mutex::default());
        let shown = Arc::new(Shown { bar, watch, duration, state });
        let ticker = background(tick(shown.clone(), traffic.clone()));
        Progress { shown, ticker }
    }

    /// A text that stays.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        self.shown.bar.suspend(|| println!("{}", text.as_ref()));
    }

    /// What the run does now.
    pub(crate) fn phase(&self, text: &str) {
        self.state(|state| state.phase = text.to_owned());
        if self.shown.bar.is_hidden() {
            println!("{:>6.1} s  {text}", self.elapsed());
        }
    }

    /// A fault begins.
    pub(crate) fn begins(&self, step: usize, fault: &str, detail: &str) {
        self.say(format!("{:>6.1} s  {fault}: {detail}", self.elapsed()));
        self.state(|state| {
            state.faults.insert((step, fault.to_owned()));
        });
    }

    /// A fault is over.
    pub(crate) fn ends(&self, step: usize, fault: &str) {
        self.say(format!("{:>6.1} s  {fault} is over", self.elapsed()));
        self.state(|state| {
            state.faults.remove(&(step, fault.to_owned()));
        });
    }

    /// Nothing is shown any more but what is said.
    pub(crate) fn finish(&self) {
        self.ticker.abort();
        self.shown.bar.finish_and_clear();
    }

    fn elapsed(&self) -> f64 {
        self.shown.watch.elapsed().as_secs_f64()
    }

    fn state(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shown.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

async fn tick(shown: Arc<Shown>, traffic: Traffic) {
    let mut ticks = 0;
    loop {
        tokio::time::sleep(TICK).await;
        ticks += 1;
        let elapsed = shown.watch.elapsed();
        shown.bar.set_position(elapsed.min(shown.duration).as_secs());
        let text = shown.line(&traffic);
        if !shown.bar.is_hidden() {
            shown.bar.set_message(text);
        } else if ticks % TICKS_PER_LINE == 0 {
            println!("{:>6.1} s  {text}", elapsed.as_secs_f64());
        }
    }
}

impl Shown {
    fn line(&self, traffic: &Traffic) -> String {
        let counts = traffic.counts();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let faults: Vec<&str> = state.faults.iter().map(|(_, fault)| fault.as_str()).collect();
        format!(
            "{}  {} ok, {} not done, {} unknown, {} records acknowledged  {}",
            state.phase,
            counts.ok,
            counts.fail,
            counts.unknown,
            counts.acked_records,
            faults.join(" + ")
        )
    }
}
