//! `rampart topic dead-letter list|redrive|purge`: what a group gave up, seen, brought back, dropped.
//! The last two count first, then go slice by slice to the end, with a bar.

use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rampart_api::client::{Client, ClientError, PeekOptions};
use rampart_api::http::dead_letter_records::{
    DeadLetterFilter, DeadLetterRecord, DeadLetterRecords, PurgeRequest, PurgeResponse,
    RedriveRequest, RedriveResponse, RedriveTo,
};
use rampart_api::http::encoding::Encoding;

use super::confirm::confirm;
use super::context::Context;
use super::failure::Failure;
use super::output::{number, say_error, table};

/// Pause before what had no room is asked for again; twice as long each time that nothing went on.
const ROOM_PAUSE: Duration = Duration::from_millis(50);
const ROOM_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Pause after a slice that was refused and may be sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// A slice that is refused so often in a row ends the command.
const RETRIES_MAX: u32 = 40;
/// Records that one request shows.
const PAGE: u64 = 500;
/// Characters of a text that are shown in a table.
const SHOWN_CHARS: usize = 40;

/// Which dead letters.
#[derive(Debug, Args)]
pub(super) struct WhichArgs {
    /// Name of the topic that they came from.
    topic: String,
    /// The group that gave them up.
    #[arg(short, long)]
    group: String,
    /// Only those from this partition of the topic.
    #[arg(short, long, value_name = "N")]
    partition: Option<u32>,
    /// Only those that had this offset in their partition.
    #[arg(long, value_name = "N")]
    offset: Option<u64>,
    /// Only those whose error has this in it.
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// Only those with this key.
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// Only those whose value has this in it.
    #[arg(long, value_name = "TEXT")]
    contains: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Records at most.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    max_records: u64,
}

#[derive(Debug, Args)]
pub(super) struct RedriveArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// To the end of this topic, for all that read it, instead of to the group alone.
    #[arg(long, value_name = "TOPIC")]
    to: Option<String>,
    /// Stop when the group has no more room, instead of going on as it processes what it has.
    #[arg(long)]
    no_wait: bool,
}

impl WhichArgs {
    fn filter(&self) -> DeadLetterFilter {
        DeadLetterFilter {
            partition: self.partition,
            offset: self.offset,
            error: self.error.clone(),
            key: self.key.clone(),
            contains: self.contains.clone(),
        }
    }
}

pub(super) async fn list(args: ListArgs, context: &Context) -> Result<(), Failure> {
    let (client, which) = (context.client()?, &args.which);
    let mut shown = DeadLetterRecords::default();
    loop {
        let left = args.max_records.saturating_sub(shown.records.len() as u64);
        let options = PeekOptions {
            filter: which.filter(),
            max_records: Some(left.clamp(1, PAGE)),
            cursor: shown.next_cursor.take(),
            encoding: Some(Encoding::Json),
        };
        let page = client.dead_letters(&which.topic, &which.group, &options).await?;
        (shown.topic, shown.depth) = (page.topic, page.depth.or(shown.depth));
        shown.records.extend(page.records);
        shown.next_cursor = page.next_cursor;
        if shown.next_cursor.is_none() || shown.records.len() as u64 >= args.max_records {
            break;
        }
    }
    context.printer.print(&shown, records_table)
}

fn records_table(shown: &DeadLetterRecords) -> String {
    let depth = shown.depth.map_or_else(|| "an unknown number of".to_owned(), number);
    let head = format!("{depth} dead letters in {}", shown.topic);
    if shown.records.is_empty() {
        return head;
    }
    let raw = |text: Option<&str>| shortened(text.unwrap_or("null"));
    let row = |record: &DeadLetterRecord| {
        [
            record.origin.partition.to_string(),
            record.origin.offset.to_string(),
            record.attempts.to_string(),
            raw(record.key.as_ref().map(|key| key.get())),
            raw(record.value.as_ref().map(|value| value.get())),
            shortened(&record.error),
        ]
    };
    let header = ["PARTITION", "OFFSET", "ATTEMPTS", "KEY", "VALUE", "ERROR"];
    format!("{head}\n{}", table(header, shown.records.iter().map(row)))
}

fn shortened(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

pub(super) async fn redrive(args: RedriveArgs, context: &Context) -> Result<(), Failure> {
    let (client, which) = (context.client()?, &args.which);
    let to = args.to.clone().map_or(RedriveTo::Group, RedriveTo::Topic);
    let request = RedriveRequest { to, ..RedriveRequest::new(&which.group, which.filter()) };
    let counted = count(&client, &which.topic, request.clone()).await?;
    if context.is_dry_run || counted.matched == 0 {
        return context.printer.print(&counted, |done| redriven(&args, done));
    }
    let bar = bar(counted.matched);
    let done = drive(&client, &args, (request, counted.matched), &bar).await;
    bar.finish_and_clear();
    context.printer.print(&done?, |done| redriven(&args, done))
}

/// How many records match.
async fn count(
    client: &Client,
    topic: &str,
    request: RedriveRequest,
) -> Result<RedriveResponse, Failure> {
    let mut counted = RedriveResponse { dry_run: true, ..RedriveResponse::default() };
    let mut request = RedriveRequest { dry_run: true, ..request };
    loop {
        let slice = repeated(|| client.redrive(topic, &request)).await?;
        counted.scanned += slice.scanned;
        counted.matched += slice.matched;
        request.cursor = slice.next_cursor;
        if request.cursor.is_none() {
            return Ok(counted);
        }
        rest_after(slice.scanned).await;
    }
}

/// Goes on to the end. Where the group has no room it waits until there is some.
async fn drive(
    client: &Client,
    args: &RedriveArgs,
    (mut request, matched): (RedriveRequest, u64),
    bar: &ProgressBar,
) -> Result<RedriveResponse, Failure> {
    let (topic, group) = (&args.which.topic, &args.which.group);
    let mut done = RedriveResponse { matched, ..RedriveResponse::default() };
    let (mut is_told, mut pause) = (false, ROOM_PAUSE);
    loop {
        let slice = repeated(|| client.redrive(topic, &request)).await?;
        done.scanned += slice.scanned;
        done.redriven += slice.redriven;
        done.already += slice.already;
        bar.set_position((done.redriven + done.already).min(matched));
        request.cursor.clone_from(&slice.next_cursor);
        if slice.next_cursor.is_none() {
            return Ok(done);
        }
        if slice.left == 0 {
            bar.set_message("");
            rest_after(slice.scanned).await;
            continue;
        }
        if args.no_wait {
            done.left = matched.saturating_sub(done.redriven + done.already);
            (done.left_because, done.next_cursor) = (slice.left_because, slice.next_cursor);
            return Ok(done);
        }
        let because = slice.left_because.unwrap_or_default();
        if !is_told {
            is_told = true;
            let members = client.group(group).await.map(|group| group.members.len()).ok();
            bar.suspend(|| say_error(waits(group, &because, members)));
        }
        bar.set_message(format!("waits for {group}"));
        pause = if slice.redriven > 0 { ROOM_PAUSE } else { (2 * pause).min(ROOM_PAUSE_MAX) };
        tokio::time::sleep(pause).await;
    }
}

/// What to know when a redrive waits.
fn waits(group: &str, because: &str, members: Option<usize>) -> String {
    let who = match members {
        Some(0) => format!("group {group} has no members: nothing goes on until one polls"),
        _ => format!("goes on as group {group} processes what it has"),
    };
    format!(
        "{because}; {who}. Ctrl-C stops: the same command goes on later, and does nothing twice"
    )
}

fn redriven(args: &RedriveArgs, done: &RedriveResponse) -> String {
    let to = match &args.to {
        Some(topic) => format!("to topic {topic}"),
        None => format!("to group {}", args.which.group),
    };
    if done.dry_run {
        return format!("would redrive {} dead letters {to}", number(done.matched));
    }
    let mut text = format!("redrove {} dead letters {to}", number(done.redriven));
    if done.already > 0 {
        text.push_str(&format!("; {} were resolved meanwhile", number(done.already)));
    }
    if done.left > 0 {
        let because = done.left_because.as_deref().unwrap_or("there was no room");
        text.push_str(&format!("\n{} stay: {because}", number(done.left)));
    }
    text
}

pub(super) async fn purge(which: WhichArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let request = PurgeRequest::new(&which.group, which.filter());
    let dry = PurgeRequest { dry_run: true, ..request.clone() };
    let counted = purge_all(&client, &which.topic, dry, &ProgressBar::hidden()).await?;
    if context.is_dry_run || counted.matched == 0 {
        return context.printer.print(&counted, |done| purged(&which, done));
    }
    let count = number(counted.matched);
    confirm(context, &format!("give up {count} dead letters of group {}", which.group))?;
    let bar = bar(counted.matched);
    let done = purge_all(&client, &which.topic, request, &bar).await;
    bar.finish_and_clear();
    context.printer.print(&done?, |done| purged(&which, done))
}

async fn purge_all(
    client: &Client,
    topic: &str,
    mut request: PurgeRequest,
    bar: &ProgressBar,
) -> Result<PurgeResponse, Failure> {
    let mut done = PurgeResponse { dry_run: request.dry_run, ..PurgeResponse::default() };
    loop {
        let slice = repeated(|| client.purge_dead_letters(topic, &request)).await?;
        done.scanned += slice.scanned;
        done.matched += slice.matched;
        done.purged += slice.purged;
        bar.set_position(done.purged);
        request.cursor = slice.next_cursor;
        if request.cursor.is_none() {
            return Ok(done);
        }
        rest_after(slice.scanned).await;
    }
}

fn purged(which: &WhichArgs, done: &PurgeResponse) -> String {
    let (would, count) =
        if done.dry_run { ("would give", done.matched) } else { ("gave", done.purged) };
    format!("{would} up {} dead letters of group {}", number(count), which.group)
}

/// Where nothing could be read a leader has just changed: asked at once it would say the same.
async fn rest_after(scanned: u64) {
    if scanned == 0 {
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

/// Asks until it is answered: a slice may be sent again even where its answer was lost.
async fn repeated<T, F: Future<Output = Result<T, ClientError>>>(
    ask: impl Fn() -> F,
) -> Result<T, Failure> {
    let mut refused = 0;
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        refused += 1;
        let is_temporary = match &error {
            ClientError::Problem { body, .. } => body.retriable,
            ClientError::Unreachable { .. } | ClientError::Interrupted { .. } => true,
            ClientError::BadServer { .. } | ClientError::Unexpected { .. } => false,
        };
        if !is_temporary || refused >= RETRIES_MAX {
            return Err(error.into());
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

fn bar(records: u64) -> ProgressBar {
    let template = "{bar:30} {human_pos}/{human_len} dead letters, {per_sec} {msg}";
    let style = ProgressStyle::with_template(template).expect("a template of our own");
    ProgressBar::new(records).with_style(style)
}

#[cfg(test)]
mod tests {
    use rampart_api::http::dead_letter_records::DeadLetterOrigin;
    use serde_json::value::RawValue;

    use super::*;

    fn which() -> WhichArgs {
        WhichArgs {
            topic: "orders".to_owned(),
            group: "billing".to_owned(),
            partition: None,
            offset: None,
            error: None,
            key: None,
            contains: None,
        }
    }

    #[test]
    fn dead_letters_are_shown_by_where_they_came_from() {
        let mut shown = DeadLetterRecords {
            topic: "orders.billing.dlq".to_owned(),
            depth: Some(1_234),
            ..DeadLetterRecords::default()
        };
        assert_eq!(records_table(&shown), "1,234 dead letters in orders.billing.dlq");
        let text = |text: &str| Some(RawValue::from_string(text.to_owned()).unwrap());
        let origin =
            DeadLetterOrigin { topic: "orders".to_owned(), partition: 3, offset: 42, timestamp: 1 };
        shown.records.push(DeadLetterRecord {
            partition: 0,
            offset: 5,
            timestamp: 9,
            key: text(r#""k""#),
            value: text(&format!(r#""{}""#, "v".repeat(100))),
            headers: Default::default(),
            origin,
            group: "billing".to_owned(),
            attempts: 5,
            error: "no such\ncustomer".to_owned(),
        });
        let text = records_table(&shown);
        for part in ["42", "no such customer", "vvv…"] {
            assert!(text.contains(part), "no {part}: {text}");
        }
    }

    #[test]
    fn what_a_redrive_did_is_said() {
        let mut args = RedriveArgs { which: which(), to: None, no_wait: true };
        let mut done = RedriveResponse {
            redriven: 1_000,
            left: 9,
            left_because: Some("full".to_owned()),
            ..RedriveResponse::default()
        };
        let text = redriven(&args, &done);
        assert_eq!(text, "redrove 1,000 dead letters to group billing\n9 stay: full");
        args.to = Some("again".to_owned());
        (done.dry_run, done.matched) = (true, 7);
        assert_eq!(redriven(&args, &done), "would redrive 7 dead letters to topic again");
        let nobody = waits("billing", "full", Some(0));
        assert!(nobody.contains("has no members"), "{nobody}");
        assert!(!waits("billing", "full", Some(2)).contains("no members"));
    }
}
