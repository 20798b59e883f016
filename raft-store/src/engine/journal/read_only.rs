//! A store that is only looked at: nothing on disk changes, and a running node is not disturbed. The
//! index is read into memory, and the journal behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rampart_api::model::ids::GroupId;
use tokio::sync::{Semaphore, watch};

use super::apply::{Indexed, apply};
use super::pieces::Piece;
use super::read::{self, Pieces};
use super::scan::{self, Flaw};
use super::segments::SegmentFiles;
use super::tails::Tails;
use crate::engine::rocks::open::{self, damaged, unusable};
use crate::engine::rocks::{Index, space};
use crate::engine::unwritable::{LOOKS_MAX, Unwritable};
use crate::engine::{Engine, Op, Space, Write};
use crate::error::OpenError;
use crate::store::StoreOptions;

/// Facts and pieces in memory.
#[derive(Debug, Default)]
struct Content {
    facts: BTreeMap<Vec<u8>, Bytes>,
    pieces: BTreeMap<(GroupId, u64), Piece>,
}

/// The engine of `inspect`.
#[derive(Debug)]
pub(crate) struct ReadOnlyEngine {
    dir: PathBuf,
    content: Content,
    tails: Mutex<Tails>,
    files: SegmentFiles,
    writing: Unwritable,
}

impl ReadOnlyEngine {
    pub(crate) fn open(dir: &Path, options: &StoreOptions) -> Result<ReadOnlyEngine, OpenError> {
        open::require_format(dir)?;
        open::check_logs(dir)?;
        let mut look = 1;
        loop {
            match ReadOnlyEngine::look(dir, options) {
                Err(_) if look < LOOKS_MAX => look += 1,
                looked => return looked,
            }
        }
    }

    fn look(dir: &Path, options: &StoreOptions) -> Result<ReadOnlyEngine, OpenError> {
        let index = Index::open_read_only(dir, options)?;
        let (mut content, mut tails) = (Content::default(), Tails::default());
        read(dir, &index, &mut content, &mut tails).map_err(|flaw| match flaw {
            Flaw::Unreadable(source) => unusable(dir, source),
            Flaw::Damaged(what) => damaged(dir, what),
        })?;
        Ok(ReadOnlyEngine {
            dir: dir.to_owned(),
            content,
            tails: Mutex::new(tails),
            files: SegmentFiles::new(dir),
            writing: Unwritable::default(),
        })
    }
}

fn read(dir: &Path, index: &Index, content: &mut Content, tails: &mut Tails) -> Result<(), Flaw> {
    *content = Content { facts: index.all_facts()?, pieces: index.all_pieces()? };
    let (written, of_groups) = index.written()?;
    let mut cut = BTreeSet::new();
    scan::scan(dir, written, 0, |sequence, changes| {
        let changes = super::open::missing(&of_groups, sequence, changes)?;
        Ok(apply(content, tails, changes, sequence, &mut cut)?)
    })?;
    Ok(())
}

impl Indexed for Content {
    fn put(&mut self, key: Vec<u8>, value: Bytes) -> io::Result<()> {
        self.facts.insert(key, value);
        Ok(())
    }

    fn erase(&mut self, from: &[u8], to: &[u8]) -> io::Result<()> {
        self.facts.retain(|key, _| !(from <= &key[..] && &key[..] < to));
        Ok(())
    }

    fn piece_before(&mut self, group: GroupId, index: u64) -> io::Result<Option<(u64, Piece)>> {
        let mut before = self.pieces.range((group, 0)..=(group, index));
        Ok(before.next_back().map(|((_, first), piece)| (*first, *piece)))
    }

    fn put_piece(&mut self, group: GroupId, first: u64, piece: &Piece) -> io::Result<()> {
        self.pieces.insert((group, first), *piece);
        Ok(())
    }

    fn remove_pieces(&mut self, group: GroupId, from: u64, to: Option<u64>) -> io::Result<()> {
        self.pieces.retain(|(of, first), _| {
            *of != group || *first < from || to.is_some_and(|to| *first >= to)
        });
        Ok(())
    }
}

impl Pieces for Content {
    fn piece_from(&self, group: GroupId, index: u64) -> io::Result<Option<(u64, Piece)>> {
        let mut of_group = self.pieces.range((group, 0)..=(group, u64::MAX));
        let found = of_group.find(|(_, piece)| piece.last >= index);
        Ok(found.map(|((_, first), piece)| (*first, *piece)))
    }

    fn last_piece(&self, group: GroupId) -> io::Result<Option<(u64, Piece)>> {
        let last = self.pieces.range((group, 0)..=(group, u64::MAX)).next_back();
        Ok(last.map(|((_, first), piece)| (*first, *piece)))
    }
}

impl Engine for ReadOnlyEngine {
    fn submit(&self, write: Write) {
        self.writing.submit(write);
    }

    fn settle(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_now(&self, _ops: Vec<Op>) -> io::Result<()> {
        self.writing.write_now()
    }

    fn entries(
        &self,
        group: GroupId,
        from: u64,
        to: u64,
        max_bytes: usize,
    ) -> io::Result<Vec<(u64, Bytes)>> {
        read::entries(&self.content, &self.tails, &self.files, group, from..to, max_bytes)
    }

    fn log_bounds(&self, group: GroupId) -> io::Result<Option<(u64, u64)>> {
        let tails = self.tails.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        read::log_bounds(&self.content, &tails, group)
    }

    fn fact(&self, key: &[u8]) -> io::Result<Option<Bytes>> {
        Ok(self.content.facts.get(key).cloned())
    }

    fn facts(&self, from: &[u8], to: &[u8]) -> io::Result<Vec<(Vec<u8>, Bytes)>> {
        if from >= to {
            return Ok(Vec::new());
        }
        let found = self.content.facts.range(from.to_vec()..to.to_vec());
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn can_tear(&self) -> bool {
        false
    }

    fn reads_block(&self) -> bool {
        true
    }

    fn admission(&self) -> &Arc<Semaphore> {
        self.writing.admission()
    }

    fn failed(&self) -> watch::Receiver<Option<String>> {
        self.writing.failed()
    }

    fn space(&self) -> io::Result<Space> {
        space(&self.dir)
    }
}
