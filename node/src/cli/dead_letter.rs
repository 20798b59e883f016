//! `rampart topic dead-letter show|enable|disable`: the switch. What was given up is in
//! `dead_letter_records`.

use clap::{Args, Subcommand};
use rampart_api::http::dead_letter::{
    DeadLetterDescription, DeadLetterFrom, DeadLetterSettings, SetDeadLetterRequest,
    SetDeadLetterResponse,
};

use super::context::Context;
use super::dead_letter_records::{self, ListArgs, RedriveArgs, WhichArgs};
use super::failure::Failure;
use super::output::{duration_ms, number, pairs, table};

#[derive(Debug, Subcommand)]
pub(super) enum DeadLetterCommand {
    /// Show the switch of a topic and of its groups.
    Show(WhoseArgs),
    /// Turn the switch on: records that are not processed are tried again, and given up in the end.
    Enable(EnableArgs),
    /// Turn the switch off, and keep its settings.
    Disable(WhoseArgs),
    /// Show what a group gave up, where it came from, and why.
    List(ListArgs),
    /// Bring back what a group gave up: it is delivered again, with no attempts.
    Redrive(RedriveArgs),
    /// Give up for good what a group gave up.
    Purge(WhichArgs),
}

/// Whose switch.
#[derive(Debug, Args)]
pub(super) struct WhoseArgs {
    /// Name of the topic.
    topic: String,
    /// Only of this group; otherwise of all that have no switch of their own.
    #[arg(short, long)]
    group: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct EnableArgs {
    #[command(flatten)]
    whose: WhoseArgs,
    /// Deliveries of a record before it is given up [default: as it is, 5 at first].
    #[arg(long, value_name = "N")]
    attempts: Option<u32>,
    /// Time until it is delivered again, such as 500ms or 1m [default: as it is, 1s at first].
    #[arg(long, value_name = "TIME", value_parser = milliseconds)]
    delay: Option<u64>,
    /// Each delay is so many times the one before [default: as it is, 2 at first].
    #[arg(long, value_name = "FACTOR")]
    backoff: Option<f64>,
    /// Longest delay [default: as it is, 10m at first].
    #[arg(long, value_name = "TIME", value_parser = milliseconds)]
    delay_max: Option<u64>,
    /// Topic that dead records go to; '' = TOPIC.GROUP.dlq [default: as it is, '' at first].
    #[arg(long = "topic", value_name = "NAME")]
    into: Option<String>,
}

pub(super) async fn run(command: DeadLetterCommand, context: &Context) -> Result<(), Failure> {
    match command {
        DeadLetterCommand::Show(whose) => {
            let shown = in_force(&whose, context).await?;
            context.printer.print(&shown, show)
        }
        DeadLetterCommand::Enable(args) => {
            let settings = args.over(in_force(&args.whose, context).await?.settings);
            set(&args.whose, settings, context).await
        }
        DeadLetterCommand::Disable(whose) => {
            let settings = in_force(&whose, context).await?.settings;
            set(&whose, DeadLetterSettings { enabled: false, ..settings }, context).await
        }
        DeadLetterCommand::List(args) => dead_letter_records::list(args, context).await,
        DeadLetterCommand::Redrive(args) => dead_letter_records::redrive(args, context).await,
        DeadLetterCommand::Purge(which) => dead_letter_records::purge(which, context).await,
    }
}

impl EnableArgs {
    /// What was there, turned on and with what is said here.
    fn over(&self, settings: DeadLetterSettings) -> DeadLetterSettings {
        DeadLetterSettings {
            enabled: true,
            attempts: self.attempts.unwrap_or(settings.attempts),
            delay_ms: self.delay.unwrap_or(settings.delay_ms),
            backoff: self.backoff.unwrap_or(settings.backoff),
            delay_ms_max: self.delay_max.unwrap_or(settings.delay_ms_max),
            topic: match &self.into {
                Some(name) => (!name.is_empty()).then(|| name.clone()),
                None => settings.topic,
            },
        }
    }
}

async fn in_force(whose: &WhoseArgs, context: &Context) -> Result<DeadLetterDescription, Failure> {
    Ok(context.client()?.dead_letter(&whose.topic, whose.group.as_deref()).await?)
}

async fn set(
    whose: &WhoseArgs,
    settings: DeadLetterSettings,
    context: &Context,
) -> Result<(), Failure> {
    let request = SetDeadLetterRequest {
        dry_run: context.is_dry_run,
        ..SetDeadLetterRequest::from(settings)
    };
    let group = whose.group.as_deref();
    let done = context.client()?.set_dead_letter(&whose.topic, group, &request).await?;
    context.printer.print(&done, |done| said(whose, done))
}

/// What was done, for people.
fn said(whose: &WhoseArgs, done: &SetDeadLetterResponse) -> String {
    let (would, turned) = if done.dry_run { ("would ", "turn") } else { ("", "turned") };
    let position = if done.settings.enabled { "on" } else { "off" };
    let group = whose.group.as_ref().map(|group| format!(" of group {group}"));
    let (topic, group) = (&whose.topic, group.unwrap_or_default());
    let mut text = format!("{would}{turned} {position} the dead-letter switch{group} in {topic}");
    if done.settings.enabled {
        text.push_str(&format!("\n{}", in_words(&done.settings)));
    }
    if let Some(created) = &done.created_topic {
        let create = if done.dry_run { "create" } else { "created" };
        text.push_str(&format!("\n{would}{create} topic {created}"));
    }
    text
}

fn in_words(settings: &DeadLetterSettings) -> String {
    let DeadLetterSettings { attempts, backoff, delay_ms, delay_ms_max, .. } = settings;
    let (delay, max) = (duration_ms(*delay_ms), duration_ms(*delay_ms_max));
    let times = if *attempts == 1 { "delivery" } else { "deliveries" };
    format!("{attempts} {times}, {delay} after the first, each delay x {backoff} up to {max}")
}

/// A switch for people, and those of groups that have their own.
fn show(shown: &DeadLetterDescription) -> String {
    let settings = &shown.settings;
    let from = match shown.from {
        DeadLetterFrom::Default => "default",
        DeadLetterFrom::Topic => "the topic's",
        DeadLetterFrom::Group => "the group's own",
    };
    let [switch, attempts, delay, backoff, delay_max, _] = cells(settings);
    let into = match &shown.dead_letter_topic {
        Some(topic) if topic.exists => topic.name.clone(),
        Some(topic) => format!("{} (not there yet)", topic.name),
        None => "TOPIC.GROUP.dlq".to_owned(),
    };
    let head = pairs(&[
        ("switch", format!("{switch} ({from})")),
        ("attempts", attempts),
        ("delay", delay),
        ("back-off", format!("x {backoff}")),
        ("longest delay", delay_max),
        ("dead letters go to", into),
    ]);
    let head = match (shown.depth, shown.parked, shown.dying) {
        (Some(depth), Some(parked), Some(dying)) => {
            let at_most = if shown.depth_is_exact == Some(false) { "at most " } else { "" };
            let waiting = pairs(&[
                ("dead letters", format!("{at_most}{}", number(depth))),
                ("parked", number(parked)),
                ("dying", number(dying)),
            ]);
            format!("{head}{waiting}")
        }
        _ => head,
    };
    let head = match shown.backlogs.is_empty() {
        true => head,
        false => format!("{head}\n{}\n", backlogs(shown)),
    };
    if shown.groups.is_empty() {
        return head;
    }
    let rows = shown.groups.iter().map(|(group, own)| {
        let [switch, attempts, delay, backoff, delay_max, topic] = cells(own);
        [group.clone(), switch, attempts, delay, backoff, delay_max, topic]
    });
    let header = ["GROUP", "SWITCH", "ATTEMPTS", "DELAY", "BACK-OFF", "LONGEST", "TOPIC"];
    format!("{head}\n{}", table(header, rows))
}

fn backlogs(shown: &DeadLetterDescription) -> String {
    let rows = shown.backlogs.iter().map(|(group, backlog)| {
        let at_most = if backlog.depth_is_exact { "" } else { "<= " };
        [
            group.clone(),
            format!("{at_most}{}", number(backlog.depth)),
            number(backlog.parked),
            number(backlog.dying),
            backlog.topic.clone(),
        ]
    });
    table(["GROUP", "DEAD LETTERS", "PARKED", "DYING", "IN TOPIC"], rows)
}

fn cells(settings: &DeadLetterSettings) -> [String; 6] {
    [
        if settings.enabled { "on" } else { "off" }.to_owned(),
        settings.attempts.to_string(),
        duration_ms(settings.delay_ms),
        settings.backoff.to_string(),
        duration_ms(settings.delay_ms_max),
        settings.topic.clone().unwrap_or_default(),
    ]
}

/// A time with its unit, in milliseconds.
fn milliseconds(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("a number with ms, s, m, h or d is wanted, such as 500ms or 10m".into()),
    };
    let number: u64 = number.parse().map_err(|_| "a whole number is wanted".to_owned())?;
    number.checked_mul(unit_ms).ok_or_else(|| "that is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use rampart_api::http::dead_letter::DeadLetterTopic;
    use rampart_api::model::dead_letter::DeadLetterSwitch;

    use super::*;

    fn settings() -> DeadLetterSettings {
        DeadLetterSwitch::default().into()
    }

    fn whose(group: Option<&str>) -> WhoseArgs {
        WhoseArgs { topic: "orders".to_owned(), group: group.map(str::to_owned) }
    }

    #[test]
    fn times_have_a_unit() {
        for (text, ms) in
            [("0ms", 0), ("500ms", 500), ("1s", 1_000), ("10m", 600_000), ("7d", 604_800_000)]
        {
            assert_eq!(milliseconds(text), Ok(ms), "{text}");
        }
        for text in ["", "5", "s", "1.5s", "-1s", "1 s", "99999999999999d", "1w"] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_said_stays_as_it_is() {
        let before =
            DeadLetterSettings { attempts: 3, topic: Some("dead".to_owned()), ..settings() };
        let mut args = EnableArgs {
            whose: whose(None),
            attempts: None,
            delay: Some(5),
            backoff: None,
            delay_max: None,
            into: None,
        };
        let after = args.over(before.clone());
        assert_eq!(after, DeadLetterSettings { enabled: true, delay_ms: 5, ..before.clone() });
        args.into = Some(String::new());
        assert_eq!(args.over(before).topic, None);
    }

    #[test]
    fn what_was_done_is_said() {
        let on = DeadLetterSettings { enabled: true, ..settings() };
        let mut done = SetDeadLetterResponse {
            settings: on,
            created_topic: Some("orders.g.dlq".to_owned()),
            metadata_index: Some(7),
            dry_run: false,
        };
        assert_eq!(
            said(&whose(Some("g")), &done),
            "turned on the dead-letter switch of group g in orders\n\
             5 deliveries, 1.0 s after the first, each delay x 2 up to 10 min\n\
             created topic orders.g.dlq"
        );
        done.dry_run = true;
        let text = said(&whose(None), &done);
        assert!(text.starts_with("would turn on the dead-letter switch in orders\n"), "{text}");
        assert!(text.ends_with("\nwould create topic orders.g.dlq"), "{text}");
        done = SetDeadLetterResponse {
            settings: settings(),
            created_topic: None,
            dry_run: false,
            ..done
        };
        assert_eq!(said(&whose(None), &done), "turned off the dead-letter switch in orders");
    }

    #[test]
    fn a_switch_shows_where_dead_letters_go_and_which_groups_differ() {
        let own = DeadLetterSettings { enabled: true, attempts: 9, ..settings() };
        let mut shown = DeadLetterDescription {
            settings: settings(),
            from: DeadLetterFrom::Default,
            group: None,
            dead_letter_topic: None,
            groups: [("billing".to_owned(), own)].into(),
            depth: None,
            depth_is_exact: None,
            parked: None,
            dying: None,
            backlogs: Default::default(),
        };
        let text = show(&shown);
        for part in ["switch              off (default)", "TOPIC.GROUP.dlq", "billing  on"] {
            assert!(text.contains(part), "no {part}: {text}");
        }
        let topic = DeadLetterTopic { name: "orders.g.dlq".to_owned(), exists: false };
        shown.dead_letter_topic = Some(topic);
        shown.groups.clear();
        assert!(show(&shown).contains("orders.g.dlq (not there yet)"), "{}", show(&shown));
    }
}
