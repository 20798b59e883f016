//! The thread that writes segments behind the journal, so that its files can be used again. Off the
//! way of acknowledgements: it is waited for only when memory or the journal's files run out.
//!
//! Groups with much to write go first, in large runs; those with little wait until they hold up the
//! oldest file of the journal, and are then written with what they have.
//!
//! While there is room it writes little at a time and rests in between: the journal's syncs, which
//! acknowledgements wait for, would else stand behind it in the disk's queue.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rampart_api::model::ids::GroupId;
use tokio::sync::watch;

use super::aligned::AlignedBuffer;
use super::pieces::Piece;
use super::ring::{self, SharedFiles};
use super::runs::{self, Run};
use super::segments::SegmentWriter;
use super::{Shared, files};
use crate::engine::committer::{monotonic, panic_text};

/// A group with so many bytes is always worth a write of its own.
const RUN_BYTES_MIN: usize = 256 << 10;
/// What is written in a hurry before the index says so has about so many bytes at most: whoever
/// waits for room gets it bit by bit.
const ROUND_BYTES_MAX: usize = 4 << 20;
/// The same without a hurry.
const CALM_ROUND_BYTES_MAX: usize = 512 << 10;
/// After that it rests so many times as long as the writing took.
const CALM_REST: u32 = 3;
/// It rests no longer than this.
const CALM_REST_MAX: Duration = Duration::from_millis(100);
/// It rests so long where the committer waits for the segments.
const GIVE_WAY: Duration = Duration::from_millis(1);
/// A group's write counts for no less: it costs a sync.
const GROUP_BYTES_MIN: usize = 32 << 10;
/// With so many files of the journal in use the index is flushed, to free the oldest.
const LIVE_FILES_FLUSH: usize = 5;
/// With so many there is a hurry.
const LIVE_FILES_HURRY: usize = 7;
/// With so many the journal waits.
const LIVE_FILES_MAX: usize = 10;

/// When to write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// With so many bytes in memory it begins.
    begin_bytes: usize,
    /// With so many there is a hurry.
    hurry_bytes: usize,
    /// With so many the journal waits.
    wait_bytes: usize,
}

impl Limits {
    /// Those of a store with so much room for what is not in segments yet.
    pub(super) fn of(write_buffer_bytes: usize) -> Limits {
        Limits {
            begin_bytes: write_buffer_bytes / 8 * 3,
            hurry_bytes: write_buffer_bytes / 8 * 5,
            wait_bytes: write_buffer_bytes.saturating_mul(2),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// There may be something to write.
    is_wanted: bool,
    /// Groups of which segments may be needed no more.
    cut: BTreeSet<GroupId>,
    is_over: bool,
    /// It failed, and writes nothing more.
    has_failed: bool,
}

#[derive(Debug, Default)]
struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

impl Signal {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Flags and a set are whole whatever happened.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Rests so long, or until it is over or there is a hurry.
    fn rest(&self, span: Duration, is_hurried: impl Fn() -> bool) {
        let rests = |state: &mut State| !state.is_over && !is_hurried();
        // Whatever woke it, it looks for work next.
        drop(self.changed.wait_timeout_while(self.lock(), span, rests));
    }

    /// Waits for work; nothing when it is over.
    fn work(&self) -> Option<(bool, BTreeSet<GroupId>)> {
        let is_idle =
            |state: &mut State| !state.is_wanted && state.cut.is_empty() && !state.is_over;
        let state = self.changed.wait_while(self.lock(), is_idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        match state.is_over {
            true => None,
            false => Some((std::mem::take(&mut state.is_wanted), std::mem::take(&mut state.cut))),
        }
    }
}

/// Handle of the thread. Dropping it waits for the write under way.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    files: SharedFiles,
    limits: Limits,
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) dir: PathBuf,
    pub(super) shared: Arc<Shared>,
    pub(super) files: SharedFiles,
    pub(super) limits: Limits,
    /// Set once a write failed.
    pub(super) failed: watch::Sender<Option<String>>,
    /// Up to where the journal is in segments, for all groups, and for some beyond that.
    pub(super) written: u64,
    pub(super) written_of: BTreeMap<GroupId, u64>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(parts: Parts) -> io::Result<Writer> {
        let signal = Arc::new(Signal::default());
        let (shared, files, limits) = (parts.shared.clone(), parts.files.clone(), parts.limits);
        let worker = Worker { parts, signal: signal.clone(), buffer: AlignedBuffer::default() };
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let thread = Some(thread.spawn(move || worker.run())?);
        Ok(Writer { shared, files, limits, signal, thread })
    }

    /// Segments of these groups may be needed no more.
    pub(super) fn cut(&self, groups: BTreeSet<GroupId>) {
        if !groups.is_empty() {
            self.signal.change(|state| state.cut.extend(groups));
        }
    }

    /// Something was written to the journal.
    pub(super) fn written(&self) {
        if !is_due(&self.shared, &self.files, self.limits) {
            return;
        }
        let mut state = self.signal.lock();
        // Nobody who rests is woken for nothing.
        if !state.is_wanted || is_hurried(&self.shared, &self.files, self.limits) {
            state.is_wanted = true;
            self.signal.changed.notify_all();
        }
    }

    /// Waits while memory or the journal's files are full: then nothing more is acknowledged
    /// (INV-12).
    pub(super) fn wait_for_room(&self) {
        let mut state = self.signal.lock();
        while !state.has_failed && self.is_full() {
            state.is_wanted = true;
            self.signal.changed.notify_all();
            let waited = self.signal.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_full(&self) -> bool {
        self.shared.tails().bytes() >= self.limits.wait_bytes
            || ring::lock(&self.files).live.len() >= LIVE_FILES_MAX
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.signal.change(|state| state.is_over = true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes segments had panicked");
        }
    }
}

/// Whether there is enough to write.
fn is_due(shared: &Shared, files: &SharedFiles, limits: Limits) -> bool {
    shared.tails().bytes() >= limits.begin_bytes || ring::lock(files).live.len() >= LIVE_FILES_FLUSH
}

/// Whether the journal would soon wait.
fn is_hurried(shared: &Shared, files: &SharedFiles, limits: Limits) -> bool {
    shared.tails().bytes() >= limits.hurry_bytes || ring::lock(files).live.len() >= LIVE_FILES_HURRY
}

/// What was written.
struct Written {
    runs: Vec<Run>,
    /// Up to which block each group has no other entries.
    upto: Vec<(GroupId, u64)>,
}

struct Worker {
    parts: Parts,
    signal: Arc<Signal>,
    buffer: AlignedBuffer,
}

impl Worker {
    fn run(mut self) {
        while let Some((is_wanted, cut)) = self.signal.work() {
            // A panic is a failure like any other: whoever waits for room would wait for ever.
            let worked = catch_unwind(AssertUnwindSafe(|| self.work(is_wanted, &cut)));
            let failure = match worked {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(panic) => Some(format!("a panic: {}", panic_text(&*panic))),
            };
            if let Some(failure) = failure {
                let message = format!("a segment cannot be written: {failure}");
                tracing::error!(error = message, "nothing is acknowledged any more");
                self.parts.failed.send_replace(Some(message));
                self.signal.change(|state| state.has_failed = true);
                return;
            }
            // Whoever waits looks again.
            self.signal.changed.notify_all();
        }
    }

    fn work(&mut self, is_wanted: bool, cut: &BTreeSet<GroupId>) -> io::Result<()> {
        for group in cut {
            let shared = &self.parts.shared;
            remove_unused(*group, shared, &mut shared.segments())?;
        }
        if !is_wanted {
            return Ok(());
        }
        let begun = monotonic();
        let room = if self.is_hurried() { ROUND_BYTES_MAX } else { CALM_ROUND_BYTES_MAX };
        self.write_behind(room)?;
        self.free()?;
        // Whoever waits has room now; what is left goes on.
        self.signal.changed.notify_all();
        if is_due(&self.parts.shared, &self.parts.files, self.parts.limits) {
            self.signal.change(|state| state.is_wanted = true);
            let rest = begun.elapsed().saturating_mul(CALM_REST).min(CALM_REST_MAX);
            self.signal.rest(rest, || self.is_hurried());
        }
        if self.parts.shared.committer_waits.load(Ordering::Relaxed) {
            self.signal.rest(GIVE_WAY, || false);
        }
        Ok(())
    }

    fn is_hurried(&self) -> bool {
        is_hurried(&self.parts.shared, &self.parts.files, self.parts.limits)
    }

    /// Writes what is worth it into segments, about so many bytes, and says so in the index.
    fn write_behind(&mut self, mut room: usize) -> io::Result<()> {
        let shared = self.parts.shared.clone();
        // Nothing else comes into a segment between what is taken from memory and the index (INV-22).
        let mut segments = shared.segments();
        let (mut chosen, mut blocks) = (Vec::new(), Vec::new());
        for group in self.choose() {
            if room == 0 {
                break;
            }
            let (entries, upto) = shared.tails().oldest_of(group, room);
            let bytes = entries.iter().map(|(_, kept)| kept.bytes()).sum::<usize>();
            room = room.saturating_sub(GROUP_BYTES_MIN.max(bytes));
            chosen.push((group, entries));
            blocks.push((group, upto));
        }
        let runs = runs::write(&mut segments, &mut self.buffer, &chosen)?;
        let written = Written { runs, upto: blocks };
        for group in self.publish(&written, &mut segments)? {
            remove_unused(group, &shared, &mut segments)?;
        }
        Ok(())
    }

    /// The groups that are worth a write now.
    fn choose(&self) -> Vec<GroupId> {
        let oldest_file_ends = {
            let files = ring::lock(&self.parts.files);
            // All but the two newest files are to be freed.
            let newest = files.live.len().saturating_sub(2);
            files.live.get(newest).map_or(0, |file| file.first.saturating_sub(1))
        };
        let tails = self.parts.shared.tails();
        let bytes_min = RUN_BYTES_MIN.min(self.parts.limits.begin_bytes / 4);
        let groups = tails.worth_writing(bytes_min, oldest_file_ends);
        match groups.is_empty() && tails.bytes() >= self.parts.limits.begin_bytes {
            true => tails.worth_writing(0, 0),
            false => groups,
        }
    }

    /// Puts what was written into the index and takes it out of memory, but for what was cut
    /// meanwhile. Answers the groups of which a segment may be unused for that.
    fn publish(
        &mut self,
        written: &Written,
        segments: &mut SegmentWriter,
    ) -> io::Result<BTreeSet<GroupId>> {
        let shared = self.parts.shared.clone();
        let mut tails = shared.tails();
        let mut changes = shared.index.changes();
        let mut unused = BTreeSet::new();
        for Run { group, entries, pieces } in &written.runs {
            let Some((first, last)) = tails.take_written(*group, entries) else {
                unused.insert(*group);
                continue;
            };
            segments.written_behind(*group, first);
            for (begins, piece) in pieces {
                if piece.last < first || *begins > last {
                    continue;
                }
                let kept = Piece { last: piece.last.min(last), ..*piece };
                changes.put_piece(*group, (*begins).max(first), &kept);
            }
        }
        for (group, upto) in &written.upto {
            self.parts.written_of.insert(*group, *upto);
            changes.put_written_of(*group, Some(*upto));
        }
        // Up to the oldest entry that is left all is in segments, or was cut.
        let written = tails.oldest().map_or(tails.applied, |oldest| oldest - 1);
        self.parts.written = written;
        changes.put_written(written);
        self.parts.written_of.retain(|group, upto| {
            let is_beyond = *upto > written;
            if !is_beyond {
                changes.put_written_of(*group, None);
            }
            is_beyond
        });
        changes.commit()?;
        Ok(unused)
    }

    /// Frees the files of the journal that are needed no more, if there are many.
    fn free(&mut self) -> io::Result<()> {
        let is_worth = {
            let files = ring::lock(&self.parts.files);
            files.live.len() >= LIVE_FILES_FLUSH && files.can_release(self.parts.written)
        };
        if !is_worth {
            return Ok(());
        }
        let shared = &self.parts.shared;
        shared.index.flush()?;
        shared.segments().flushed();
        let gone = ring::lock(&self.parts.files).release(self.parts.written);
        for number in gone {
            shared.remover.remove(self.parts.dir.join(files::journal_name(number)));
        }
        Ok(())
    }
}

/// Removes the segments of a group that no piece is in.
pub(super) fn remove_unused(
    group: GroupId,
    shared: &Shared,
    segments: &mut SegmentWriter,
) -> io::Result<()> {
    let first = shared.index.piece_from(group, 0)?.map(|(_, piece)| piece.segment);
    let last = shared.index.piece_before(group, u64::MAX)?.map(|(_, piece)| piece.segment);
    for number in segments.keep_only(group, first.zip(last)) {
        shared.remover.remove(shared.files.forget(group, number));
    }
    Ok(())
}
