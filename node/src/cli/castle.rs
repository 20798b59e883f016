//! `rampart castle clients|command`; `castle_move` has the rest.

use std::time::Duration;

use clap::{Args, Subcommand};
use rampart_api::client::Client;
use rampart_api::http::castle::{
    CastleClient, Command, CommandRequest, ListClientsResponse, Role, Subscription,
};
use serde::Serialize;

use super::castle_move::{self, CastleMoveCommand};
use super::confirm::confirm;
use super::context::Context;
use super::failure::{Failure, NOT_FOUND};
use super::output::{bytes, duration_ms, ids, number, say_error, table};
use super::watch;

/// How often `--wait` looks whether a command is done.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub(super) enum CastleCommand {
    /// List the clients that send heartbeats.
    Clients {
        /// Again every second, until interrupted.
        #[arg(long)]
        watch: bool,
    },
    /// Ask something of a client, or of all clients of a program.
    Command(CommandArgs),
    #[command(flatten)]
    Moves(CastleMoveCommand),
}

#[derive(Debug, Args)]
pub(super) struct CommandArgs {
    /// The client, by its instance id.
    #[arg(required_unless_present = "program", conflicts_with = "program")]
    id: Option<String>,
    /// All clients of this program.
    #[arg(long = "client", value_name = "NAME")]
    program: Option<String>,
    #[command(subcommand)]
    what: What,
    /// Wait until it is done, or its time is over.
    #[arg(long, global = true)]
    wait: bool,
    /// Forget it if it is not done in so many seconds.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 300)]
    ttl: u64,
}

/// What a client can be asked to do.
#[derive(Debug, Clone, PartialEq, Subcommand)]
enum What {
    /// Neither send nor take anything until `resume`.
    Pause,
    /// Go on.
    Resume,
    /// Send or take at most so much.
    Throttle {
        /// Bytes a second, such as 500000, 64KiB or 10MiB; 0 = as much as it can.
        #[arg(value_parser = rate)]
        rate: u64,
    },
    /// Prefer a broker, or the brokers of a rack.
    Move {
        /// node:N or rack:NAME.
        to: String,
    },
    /// Read metadata and assignments anew.
    Reinit,
    /// Drop what is in hand of a topic and read from where its group is now.
    Reset {
        /// Name of the topic.
        topic: String,
    },
    /// Finish what is in hand, and end.
    Exit,
}

/// A command that was given, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Given {
    client: String,
    id: u64,
    expires_ms: i64,
    state: State,
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Given,
    Done,
    Expired,
}

pub(super) async fn run(command: CastleCommand, context: &Context) -> Result<(), Failure> {
    match command {
        CastleCommand::Clients { watch } => {
            let client = context.client()?;
            let look = async || client.castle_clients().await;
            watch::show(context, watch, look, client_table).await
        }
        CastleCommand::Command(args) => give(args, context).await,
        CastleCommand::Moves(command) => castle_move::run(command, context).await,
    }
}

fn rate(text: &str) -> Result<u64, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let named = units.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
    let (digits, size) = named.unwrap_or((text, 1_u64));
    let rate = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(size));
    rate.ok_or_else(|| format!("bytes a second are wanted, such as 500000 or 10MiB, not {text:?}"))
}

impl From<What> for Command {
    fn from(what: What) -> Command {
        match what {
            What::Pause => Command::Pause,
            What::Resume => Command::Resume,
            What::Throttle { rate } => Command::Throttle { bytes_per_second: rate },
            What::Move { to } => Command::Move { to },
            What::Reinit => Command::Reinit,
            What::Reset { topic } => Command::Reset { topic },
            What::Exit => Command::Exit,
        }
    }
}

fn client_table(listed: &ListClientsResponse) -> String {
    let rows = listed.clients.iter().map(|client| {
        let rate = match client.stats.bytes {
            0 => "-".to_owned(),
            size => bytes(size),
        };
        [
            client.client_id.clone(),
            client.instance_id.clone(),
            client.rack.clone(),
            client.node.to_string(),
            duration_ms(client.silent_ms),
            does(&client.subscriptions),
            client.assigned.len().to_string(),
            number(client.stats.lag),
            number(client.stats.in_flight),
            rate,
            client.stats.errors.to_string(),
            client.directives.len().to_string(),
        ]
    });
    let header = [
        "PROGRAM",
        "CLIENT",
        "RACK",
        "NODE",
        "SILENT",
        "DOES",
        "HOLDS",
        "LAG",
        "IN FLIGHT",
        "BYTES",
        "ERRORS",
        "COMMANDS",
    ];
    let missing = match listed.missing_nodes.is_empty() {
        true => String::new(),
        false => format!("\nnot heard: nodes {}", ids(listed.missing_nodes.iter().copied())),
    };
    format!("{}{missing}", table(header, rows))
}

/// What a client does, in short: `>` it writes, `<` it reads.
fn does(subscriptions: &[Subscription]) -> String {
    let each = subscriptions.iter().map(|one| match (one.role, &one.group) {
        (Role::Producer, _) => format!(">{}", one.topic),
        (Role::Consumer, Some(group)) => format!("<{} ({group})", one.topic),
        (Role::Consumer, None) => format!("<{}", one.topic),
    });
    each.collect::<Vec<_>>().join(" ")
}

async fn give(args: CommandArgs, context: &Context) -> Result<(), Failure> {
    context.refuse_dry_run("castle command")?;
    let client = context.client()?;
    let names = match (args.id, args.program) {
        (Some(id), _) => vec![id],
        (None, program) => clients_of(&client, &program.unwrap_or_default()).await?,
    };
    if args.what == What::Exit {
        confirm(context, &format!("end {}", names.join(", ")))?;
    }
    let ttl_ms = Some(args.ttl.saturating_mul(1_000));
    let request = CommandRequest { command: args.what.into(), ttl_ms };
    let mut given = Vec::with_capacity(names.len());
    for name in names {
        let taken = client.castle_command(&name, &request).await?;
        let (id, expires_ms) = (taken.id, taken.expires_ms);
        given.push(Given { client: name, id, expires_ms, state: State::Given });
    }
    if args.wait {
        wait(&client, &mut given, args.ttl).await?;
    }
    context.printer.print(&given, |given| given_table(given))?;
    let late = given.iter().filter(|one| one.state == State::Expired).count();
    match late {
        0 => Ok(()),
        late => Err(Failure::new(format!("{late} of {} commands were not done", given.len()))
            .hint("`rampart castle clients` shows who is there")),
    }
}

async fn clients_of(client: &Client, program: &str) -> Result<Vec<String>, Failure> {
    let listed = client.castle_clients().await?.clients;
    let of_it = listed.into_iter().filter(|one| one.client_id == program);
    let names: Vec<String> = of_it.map(|one| one.instance_id).collect();
    if names.is_empty() {
        return Err(Failure::new(format!("no client of a program {program:?} sends heartbeats"))
            .code(NOT_FOUND)
            .hint("`rampart castle clients` shows who does"));
    }
    Ok(names)
}

/// Looks until nothing waits any more. What a client has done is gone from its list while the client
/// itself is still there; what is left when the time is over is too late.
async fn wait(client: &Client, given: &mut [Given], ttl: u64) -> Result<(), Failure> {
    let expired = tokio::time::sleep(Duration::from_secs(ttl));
    tokio::pin!(expired);
    let mut every = tokio::time::interval(LOOK_EVERY);
    let mut left = given.len();
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = &mut expired => break,
            _ = every.tick() => {}
        }
        note_done(given, &client.castle_clients().await?.clients);
        let now = given.iter().filter(|one| one.state == State::Given).count();
        if now != left {
            say_error(format_args!("{} of {} done", given.len() - now, given.len()));
            left = now;
        }
        if left == 0 {
            return Ok(());
        }
    }
    let late = given.iter_mut().filter(|one| one.state == State::Given);
    late.for_each(|one| one.state = State::Expired);
    Ok(())
}

fn note_done(given: &mut [Given], clients: &[CastleClient]) {
    for one in given.iter_mut().filter(|one| one.state == State::Given) {
        let known = clients.iter().find(|client| client.instance_id == one.client);
        let is_done = known.is_some_and(|client| client.directives.iter().all(|d| d.id != one.id));
        if is_done {
            one.state = State::Done;
        }
    }
}

fn given_table(given: &[Given]) -> String {
    let rows = given.iter().map(|one| {
        let state = match one.state {
            State::Given => "given",
            State::Done => "done",
            State::Expired => "not done in time",
        };
        [one.client.clone(), one.id.to_string(), state.to_owned()]
    });
    table(["CLIENT", "COMMAND", "STATE"], rows)
}

#[cfg(test)]
mod tests {
    use rampart_api::http::castle::Directive;

    use super::*;

    #[test]
    fn rates_read_as_people_write_them() {
        let fine = [("0", 0), ("500000", 500_000), ("64KiB", 65_536), ("10MiB", 10_485_760)];
        for (text, bytes) in fine {
            assert_eq!(rate(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "fast", "99999999999GiB"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_command_is_done_once_a_client_that_is_there_has_it_no_more() {
        let given = |client: &str| Given {
            client: client.to_owned(),
            id: 3,
            expires_ms: 0,
            state: State::Given,
        };
        let client = |name: &str, open: &[u64]| CastleClient {
            instance_id: name.to_owned(),
            directives: open.iter().map(|id| Directive { id: *id, kind: Command::Pause }).collect(),
            ..CastleClient::default()
        };
        let mut all = [given("waits"), given("did"), given("away")];
        note_done(&mut all, &[client("waits", &[2, 3]), client("did", &[4])]);
        assert_eq!(all.map(|one| one.state), [State::Given, State::Done, State::Given]);
    }

    #[test]
    fn what_a_client_does_is_shown_in_short() {
        let one = |role, topic: &str, group: Option<&str>| Subscription {
            role,
            topic: topic.to_owned(),
            group: group.map(str::to_owned),
            ..Subscription::default()
        };
        let all = [
            one(Role::Producer, "orders", None),
            one(Role::Consumer, "orders", Some("billing")),
            one(Role::Consumer, "audit", None),
        ];
        assert_eq!(does(&all), ">orders <orders (billing) <audit");
    }
}
