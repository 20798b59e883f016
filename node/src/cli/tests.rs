//! Arguments: what is understood, what is refused and how.

use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn documented_commands_are_understood() {
    for line in [
        "rampart server --data-dir d --http-listen 127.0.0.1:1 --peer-listen 127.0.0.1:2 --bootstrap",
        "rampart server --data-dir d --join a:1,b:2 --rack r --config c.toml",
        "rampart server --advertise-http a:1 --advertise-peer a:2",
        "rampart dev",
        "rampart dev --nodes 1 --data-dir d --http-port-base 9000",
        "rampart topic create flights -p 4 -r 3 -c retention.ms=1000 -c ack=-1 --dry-run",
        "rampart topic list --format json",
        "rampart topic describe flights -s http://a:1,http://b:2",
        "rampart topic alter flights --config ack=all --reset retention.ms",
        "rampart topic add-partitions flights 8",
        "rampart topic delete flights other --yes",
        "rampart topic truncate flights -p 0,1 --before 100",
        "rampart topic dead-letter show flights",
        "rampart topic dead-letter show flights -g billing --format json",
        "rampart topic dead-letter enable flights --dry-run",
        "rampart topic dead-letter enable flights -g billing --attempts 3 --delay 1s --backoff 1.5 --delay-max 10m --topic dead",
        "rampart topic dead-letter disable flights --group billing",
        "rampart topic dead-letter list flights -g billing -n 5 --error timeout --partition 3",
        "rampart topic dead-letter redrive flights -g billing --key SFO --dry-run",
        "rampart topic dead-letter redrive flights -g billing --to flights --no-wait",
        "rampart topic dead-letter purge flights -g billing --contains JFK --offset 7 --yes",
        "rampart produce flights -F file --key /origin",
        "rampart produce flights -K : -p 1 --ack -1",
        "rampart consume flights -n 3",
        "rampart consume flights -o -5 --follow -p 0,1",
        "rampart consume flights -o @1700000000000 -f %k\\n",
        "rampart node list",
        "rampart node status 1",
        "rampart node drain 1",
        "rampart node decommission 2 --wait",
        "rampart node recommission 2",
        "rampart node decommission 2 --force --dry-run",
        "rampart node remove 2 --yes",
        "rampart cluster status",
        "rampart cluster health",
        "rampart cluster rebalance --dry-run",
        "rampart cluster config",
        "rampart cluster config --set auto_rebalance=false --reset auto_rebalance",
        "rampart castle clusters list",
        "rampart castle clusters set east http://a:1 http://b:1",
        "rampart castle clusters remove east",
        "rampart castle move flights --to east --wait --yes",
        "rampart castle move flights --to east --hold",
        "rampart castle move flights --status --wait",
        "rampart castle move flights --cancel",
        "rampart partition describe flights 0",
        "rampart partition move flights 0 --to 1,2,3",
        "rampart partition move flights 0 --cancel",
        "rampart partition transfer-leader flights 0 --to 2",
        "rampart config show --config c.toml --rack r",
        "rampart config sample",
        "rampart debug inspect dir --verify",
        "rampart debug inspect dir --group 3 --from 10 --count 5",
        "rampart castle clients --watch",
        "rampart castle command billing-1 pause --wait",
        "rampart castle command --client billing throttle 10MiB --ttl 60",
        "rampart castle command billing-1 move rack:r1",
        "rampart castle command billing-1 reset orders",
        "rampart castle command billing-1 exit --yes",
        "rampart group describe billing --watch",
        "rampart debug unsafe-recover dir --dry-run",
        "rampart completion bash",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
}

#[test]
fn wrong_usage_is_refused_with_code_two() {
    for line in [
        "rampart",
        "rampart serve",
        "rampart server --bootstrap --join a:1",
        "rampart dev --nodes 0",
        "rampart topic create",
        "rampart topic create t -p -1",
        "rampart topic create t -c retention.ms",
        "rampart topic delete",
        "rampart castle move flights",
        "rampart castle move flights --to east --cancel",
        "rampart castle clusters set east",
        "rampart topic dead-letter",
        "rampart topic dead-letter show",
        "rampart topic dead-letter list flights",
        "rampart topic dead-letter redrive -g billing",
        "rampart topic dead-letter purge flights -g billing --partition many",
        "rampart topic dead-letter enable t --delay 5",
        "rampart topic dead-letter enable t --attempts many",
        "rampart topic dead-letter disable t --attempts 3",
        "rampart produce t -K : --key /a",
        "rampart produce t --ack some",
        "rampart consume t -o somewhere",
        "rampart consume t -f %x",
        "rampart consume t -n many",
        "rampart castle command",
        "rampart castle command billing-1",
        "rampart castle command pause",
        "rampart castle command billing-1 throttle fast",
        "rampart castle command billing-1 --client billing pause",
        "rampart node drain",
        "rampart node drain first",
        "rampart node drain 1 --force",
        "rampart node recommission 1 --force",
        "rampart node remove 1 --force",
        "rampart cluster config --set auto_rebalance",
        "rampart partition move t 0",
        "rampart completion tcl",
        "rampart topic list --format xml",
    ] {
        let error = parse(line).expect_err(line);
        assert!(error.use_stderr() || line == "rampart", "{line}");
        assert_eq!(error.exit_code(), 2, "{line}: {error}");
    }
}

#[test]
fn servers_have_a_default_and_are_split() {
    let default = parse("rampart topic list").unwrap().global.server;
    let named = parse("rampart topic list -s a:1,b:2").unwrap().global.server;
    if std::env::var_os("RAMPART_SERVER").is_none() {
        assert_eq!(default, ["http://127.0.0.1:8080", "http://127.0.0.1:8081"]);
    }
    assert_eq!(named, ["a:1", "b:2"]);
}

async fn failure_of(line: &str) -> Failure {
    dispatch(parse(line).unwrap()).await.unwrap_err()
}

#[tokio::test]
async fn what_is_not_served_yet_is_said() {
    for (line, expected) in [
        ("rampart server --kafka-listen 127.0.0.1:9092", "Kafka protocol is not served yet"),
        ("rampart dev --kafka-listen 127.0.0.1:9092", "Kafka protocol is not served yet"),
    ] {
        let failure = failure_of(line).await;
        assert_eq!(failure.code, failure::USAGE, "{line}");
        assert!(failure.to_string().contains(expected), "{failure}");
    }
}

#[tokio::test]
async fn no_server_says_how_to_start_one() {
    let failure = failure_of("rampart topic list -s 127.0.0.1:1").await;
    assert_eq!(failure.code, failure::FAILED);
    assert!(failure.to_string().contains("rampart dev"), "{failure}");
}

#[tokio::test]
async fn a_dry_run_is_never_ignored() {
    for line in [
        "rampart topic alter t -c ack=-1 --dry-run -s 127.0.0.1:1",
        "rampart topic truncate t --dry-run -s 127.0.0.1:1",
        "rampart topic add-partitions t 3 --dry-run -s 127.0.0.1:1",
        "rampart produce t --dry-run -s 127.0.0.1:1",
        "rampart partition transfer-leader t 0 --dry-run -s 127.0.0.1:1",
        "rampart castle command a pause --dry-run -s 127.0.0.1:1",
        "rampart node drain 1 --dry-run -s 127.0.0.1:1",
        "rampart node recommission 1 --dry-run -s 127.0.0.1:1",
        "rampart node remove 1 --yes --dry-run -s 127.0.0.1:1",
        "rampart cluster config --set auto_rebalance=false --dry-run -s 127.0.0.1:1",
        "rampart server --bootstrap --dry-run",
        "rampart dev --dry-run",
    ] {
        let failure = failure_of(line).await;
        assert_eq!(failure.code, failure::USAGE, "{line}: {failure}");
    }
}

#[tokio::test]
async fn a_bad_configuration_is_a_usage_error_that_names_the_flag() {
    let failure = failure_of("rampart server --http-listen 8080").await;
    assert_eq!(failure.code, failure::USAGE);
    assert!(failure.to_string().contains("flag --http-listen"), "{failure}");
}
