//! `application/x-ndjson`: lines are streamed in, answers streamed out, one a line and in order.
//! What arrives while an append is on its way is gathered into the next one, so that chunks grow
//! under load; a lone line waits 3 ms for company. A malformed line is answered by its problem and
//! does not disturb the others.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use rampart_api::http::produce::{
    InputRecord, LineDone, LineFailed, LineMode, LineResult, LineSplitter, Place, parse_line,
};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::PartitionId;
use rampart_api::model::problem::Problem;
use rampart_api::model::topic_config::Ack;

use super::Job;
use super::json::{check_record, plan_records};
use super::plan::RecordPlace;
use super::send::{PartResult, send, taken_apart};
use crate::http::admission::Held;
use crate::http::body::{Pace, RequestBody};
use crate::http::error::Answered;
use crate::http::media::NDJSON;
use crate::http::spread::Block;

/// Lines are appended as soon as there are so many,
const CHUNK_LINES_MAX: usize = 2_000;
/// or so many bytes,
const CHUNK_BYTES_MAX: usize = 1 << 20;
/// or nothing more has come for so long.
const LINGER: Duration = Duration::from_millis(3);
/// How many times larger than its record a line may be: base64, escapes, and the field names.
const LINE_PER_RECORD: usize = 6;

pub(super) async fn produce(job: Job, mode: LineMode, request: Request) -> Answered {
    let status = match job.ack.unwrap_or(job.config.ack) {
        Ack::None => StatusCode::ACCEPTED,
        Ack::All | Ack::Quorum | Ack::Leader => StatusCode::OK,
    };
    let body = RequestBody::new(&job.edge, request);
    Ok(respond(status, LineStream::new(job, mode, body)))
}

fn respond(status: StatusCode, lines: LineStream) -> Response {
    let answers = futures_util::stream::unfold(lines, |mut lines| async move {
        loop {
            let answer = lines.next_answer().await?;
            // Blank lines have no answer, and an empty chunk would end the body.
            if !answer.is_empty() {
                return Some((Ok::<_, Infallible>(answer), lines));
            }
        }
    });
    (status, [(CONTENT_TYPE, NDJSON)], Body::from_stream(answers)).into_response()
}

struct LineStream {
    job: Job,
    mode: LineMode,
    body: RequestBody,
    /// `None` once the body has ended.
    splitter: Option<LineSplitter>,
    is_between_lines: bool,
    /// The splitter has no whole line left.
    is_drained: bool,
    gathered: Chunk,
    block: Option<Block>,
    appending: Option<BoxFuture<'static, Bytes>>,
    /// Said after everything that was read before it, and the last that is said.
    ending: Option<LineFailed>,
    /// The rest of the body is thrown away after the last words.
    is_refused: bool,
    last_line: u64,
}

#[derive(Default)]
struct Chunk {
    lines: Vec<(u64, Bytes)>,
    bytes: usize,
    held: Held,
}

impl LineStream {
    fn new(job: Job, mode: LineMode, body: RequestBody) -> Self {
        let line_max = job.record_limits().record_bytes_max.saturating_mul(LINE_PER_RECORD);
        LineStream {
            splitter: Some(LineSplitter::new(line_max.min(job.edge.request_bytes_max()))),
            is_between_lines: true,
            is_drained: true,
            gathered: Chunk::default(),
            block: None,
            appending: None,
            ending: None,
            is_refused: false,
            last_line: 0,
            job,
            mode,
            body,
        }
    }

    /// The answers to the next chunk; `None` after the last.
    async fn next_answer(&mut self) -> Option<Bytes> {
        loop {
            self.drain_splitter();
            if self.appending.is_none() && (self.gathered.is_full() || self.splitter.is_none()) {
                self.append_gathered();
                self.drain_splitter();
            }
            let can_read = self.splitter.is_some() && !self.gathered.is_full();
            if !can_read {
                self.body.leave();
            }
            let pace = if self.is_between_lines { Pace::Pausing } else { Pace::Steady };
            match (&mut self.appending, can_read) {
                (None, false) if !self.gathered.lines.is_empty() => {}
                (None, false) => match self.ending.take() {
                    Some(failed) => return Some(last_words(&failed)),
                    None if self.is_refused => {
                        self.is_refused = false;
                        self.body.drain().await;
                    }
                    None => return None,
                },
                (Some(appending), false) => {
                    let answers = appending.await;
                    self.appending = None;
                    return Some(answers);
                }
                (Some(appending), true) => tokio::select! {
                    biased;
                    answers = appending => {
                        self.appending = None;
                        // Until these are taken nothing is read.
                        self.body.leave();
                        return Some(answers);
                    }
                    arrived = self.body.arrive(pace) => self.gather(arrived).await,
                },
                (None, true) if self.gathered.lines.is_empty() => {
                    let arrived = self.body.arrive(pace).await;
                    self.gather(arrived).await;
                }
                (None, true) => match tokio::time::timeout(LINGER, self.body.arrive(pace)).await {
                    Ok(arrived) => self.gather(arrived).await,
                    Err(_) => self.append_gathered(),
                },
            }
        }
    }

    async fn gather(&mut self, arrived: Result<Option<Bytes>, Problem>) {
        let gathered = match arrived {
            Ok(Some(piece)) => self.gather_piece(&piece).await,
            Ok(None) => self.gather_rest(),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = gathered {
            self.refuse(&problem);
        }
    }

    /// Ends the stream with this, after the answers to what was read before it.
    fn refuse(&mut self, problem: &Problem) {
        self.splitter = None;
        self.is_drained = true;
        self.is_refused = true;
        let line = self.last_line + 1;
        self.ending = Some(LineFailed { line, problem: problem.into() });
    }

    async fn gather_piece(&mut self, piece: &Bytes) -> Result<(), Problem> {
        self.body.admit(piece.len(), &mut self.gathered.held).await?;
        self.is_between_lines = piece.ends_with(b"\n");
        if let Some(splitter) = self.splitter.as_mut() {
            splitter.push(piece);
            self.is_drained = false;
        }
        Ok(())
    }

    /// Takes whole lines until the chunk is full; the others wait for the next one.
    fn drain_splitter(&mut self) {
        while !self.is_drained && !self.gathered.is_full() {
            let Some(splitter) = self.splitter.as_mut() else {
                return;
            };
            match splitter.next_line() {
                Ok(Some((number, line))) => {
                    self.last_line = number;
                    self.gathered.push(number, line);
                }
                Ok(None) => self.is_drained = true,
                Err(error) => self.refuse(&too_long(error)),
            }
        }
    }

    fn gather_rest(&mut self) -> Result<(), Problem> {
        let Some(splitter) = self.splitter.take() else {
            return Ok(());
        };
        if let Some((number, line)) = splitter.finish().map_err(too_long)? {
            self.last_line = number;
            self.gathered.push(number, line);
        }
        Ok(())
    }

    fn append_gathered(&mut self) {
        if self.gathered.lines.is_empty() {
            return;
        }
        let mut chunk = std::mem::take(&mut self.gathered);
        if !self.is_drained {
            // The bytes are held until the last line of them is answered.
            self.gathered.held = std::mem::take(&mut chunk.held);
        }
        let planned = plan_chunk(&self.job, &self.mode, &chunk.lines, &mut self.block);
        let (job, held) = (self.job.clone(), chunk.held);
        self.appending = Some(Box::pin(async move {
            let results = send(&job, planned.parts).await;
            drop(held);
            answers(&planned.lines, &planned.partitions, &results)
        }));
    }
}

impl Chunk {
    fn push(&mut self, number: u64, line: Bytes) {
        self.bytes += line.len() + 1;
        self.lines.push((number, line));
    }

    fn is_full(&self) -> bool {
        let much = self.lines.len() >= CHUNK_LINES_MAX || self.bytes >= CHUNK_BYTES_MAX;
        much && !self.lines.is_empty()
    }
}

/// A chunk's batches, and what each of its lines is.
struct PlannedChunk {
    lines: Vec<(u64, Result<RecordPlace, Box<Problem>>)>,
    partitions: Vec<PartitionId>,
    parts: Vec<super::plan::Part>,
}

fn plan_chunk(
    job: &Job,
    mode: &LineMode,
    lines: &[(u64, Bytes)],
    block: &mut Option<Block>,
) -> PlannedChunk {
    let mut records = Vec::with_capacity(lines.len());
    let mut read: Vec<(u64, Result<(), Box<Problem>>)> = Vec::with_capacity(lines.len());
    for (number, line) in lines {
        match read_line(job, mode, *number, line) {
            Ok(Some(record)) => {
                records.push(record);
                read.push((*number, Ok(())));
            }
            Ok(None) => {}
            Err(problem) => read.push((*number, Err(Box::new(problem)))),
        }
    }
    let (partitions, places, parts) = taken_apart(plan_records(job, &records, block));
    let mut places = places.into_iter();
    let lines = read.into_iter().map(|(number, outcome)| {
        let place = outcome.map(|()| places.next().expect("the plan has a place for each record"));
        (number, place)
    });
    PlannedChunk { lines: lines.collect(), partitions, parts }
}

fn read_line<'a>(
    job: &Job,
    mode: &LineMode,
    number: u64,
    line: &'a [u8],
) -> Result<Option<InputRecord<'a>>, Problem> {
    let encoding = job.encoding.unwrap_or_default();
    let Some(record) = parse_line(line, number, mode, encoding, &job.record_limits())? else {
        return Ok(None);
    };
    check_record(job, &record, Place::Line(number))?;
    Ok(Some(record))
}

fn answers(
    lines: &[(u64, Result<RecordPlace, Box<Problem>>)],
    partitions: &[PartitionId],
    results: &[PartResult],
) -> Bytes {
    let mut out = Vec::with_capacity(lines.len() * 48);
    for (line, place) in lines {
        let place = place.as_ref().map_err(Box::as_ref);
        put_line(&mut out, &line_result(*line, place, partitions, results));
    }
    Bytes::from(out)
}

fn line_result(
    line: u64,
    place: Result<&RecordPlace, &Problem>,
    partitions: &[PartitionId],
    results: &[PartResult],
) -> LineResult {
    let outcome = place.and_then(|place| match &results[place.part] {
        Ok(produced) => Ok((place, produced)),
        Err(problem) => Err(problem),
    });
    match outcome {
        Ok((place, produced)) => LineResult::Done(LineDone {
            line,
            partition: partitions[place.part],
            offset: produced.base_offset.map(|base| base.0 + u64::from(place.delta)),
        }),
        Err(problem) => LineResult::Failed(LineFailed { line, problem: problem.into() }),
    }
}

fn last_words(failed: &LineFailed) -> Bytes {
    let mut out = Vec::new();
    put_line(&mut out, &LineResult::Failed(failed.clone()));
    Bytes::from(out)
}

fn put_line(out: &mut Vec<u8>, result: &LineResult) {
    serde_json::to_writer(&mut *out, result)
        .expect("writing numbers and text to memory can't fail");
    out.push(b'\n');
}

fn too_long(error: rampart_api::http::produce::LineTooLong) -> Problem {
    Problem::new(ErrorCode::RecordTooLarge, error.to_string())
        .hint("lines after it were not read; send them again without it")
}
