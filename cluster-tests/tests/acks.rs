//! What an acknowledgement means, level by level, when replicas are away.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rampart_cluster_tests::harness::client::{Answer, Api};
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::probe::{stays, wait_for};
use rampart_cluster_tests::harness::session::{phase, run};
use rampart_cluster_tests::history::{Ack, Journal};
use rampart_cluster_tests::workloads::append::{AppendOptions, Appender, Outcome};
use rampart_cluster_tests::workloads::read_back;
use serde_json::json;

const TOPIC: &str = "acks";

/// The 100 ms the promise of ack 1 allows on top of `ack1.max.lag.ms`, and what the harness itself
/// needs to notice an answer.
const ACK_1_GRACE: Duration = Duration::from_millis(100 + 100);
/// With the default of `ack1.max.lag.ms`.
const ACK_1_SPAN: Duration = Duration::from_millis(1_000 + 100 + 100);

/// Three nodes, one partition on each of them; answers its leader and its followers.
async fn cluster(options: Options) -> Result<(Cluster, usize, [usize; 2])> {
    phase("three nodes, 1 partition x 3 replicas");
    let cluster = Cluster::start_with(3, options).await?;
    cluster.api(0).create_topic(TOPIC, 1, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    let leader = cluster.leader(0, TOPIC, 0).await?;
    Ok((cluster, leader, [(leader + 1) % 3, (leader + 2) % 3]))
}

async fn produce(api: &Api, value: &str, query: &str) -> Result<Answer> {
    api.produce(TOPIC, 0, value, query).await
}

/// A write was neither acknowledged nor refused as nonsense: it waits, or its leader is none.
fn demand_held_back(answer: &Answer) -> Result<()> {
    let answer = answer.clone();
    match answer.status {
        503 => answer.problem(503, "NOT_LEADER").map(drop),
        _ => answer.problem(504, "TIMEOUT").map(drop),
    }
}

/// Values in the partition, in order.
async fn values(api: &Api) -> Result<Vec<String>> {
    let records = api.read_all(TOPIC, 0).await?;
    Ok(records.into_iter().filter_map(|record| record.value).collect())
}

#[test]
fn a_leader_cut_off_from_the_others_acknowledges_nothing() {
    run(async {
        let (mut cluster, leader, followers) =
            cluster(Options { cuttable: true, ..Options::default() }).await?;
        produce(cluster.api(leader), "before", "").await?.ok()?;

        phase("the leader is cut off; clients still reach it, at every ack level");
        cluster.isolate(leader)?;
        let cut = Stopwatch::start();
        let cut_off = std::slice::from_ref(cluster.api(leader));
        let journal = Journal::new();
        let writer = |ack: &'static str| {
            let prefix = format!("cut off {ack} ");
            let options = AppendOptions::new(TOPIC, 1);
            let options = AppendOptions { writers: 2, ack, prefix, ..options };
            Appender::start(cut_off, &options, journal.recorder())
        };
        let [all, quorum, one] = ["-1", "quorum", "1"].map(writer);

        phase("the majority elects another leader and writes there");
        wait_for("the majority to acknowledge a write", Duration::from_secs(60), || async {
            let answer = produce(cluster.api(followers[0]), "majority", "&timeout_ms=2000").await?;
            ensure!(answer.status == 200, "{answer:?}");
            Ok(())
        })
        .await?;

        phase("the deposed leader gave no -1, no quorum, and ack 1 only while it may");
        let mut attempts = Vec::new();
        for (ack, writer) in [("-1", all), ("quorum", quorum)] {
            let tried = writer.stop().await?;
            ensure!(!tried.is_empty(), "nobody tried to write with ack {ack}");
            let acked = tried.iter().find(|attempt| attempt.is_acked());
            ensure!(acked.is_none(), "a leader without followers acknowledged {ack}: {acked:?}");
            attempts.extend(tried);
        }
        // It goes on for a while: by now it must know that it leads nobody.
        let answer = produce(cluster.api(leader), "late", "&ack=1&timeout_ms=1500").await?;
        demand_held_back(&answer)?;
        let tried = one.stop().await?;
        ensure!(!tried.is_empty(), "nobody tried to write with ack 1");
        for attempt in tried.iter().filter(|attempt| attempt.is_acked()) {
            let given = attempt.sent.since(cut);
            ensure!(given <= ACK_1_SPAN, "ack 1 was given {given:?} after the cut: {attempt:?}");
        }
        attempts.extend(tried);

        phase("after healing everybody shows the same log, without what was refused");
        cluster.heal(leader)?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let seen = values(cluster.api(leader)).await?;
        ensure!(seen.first().is_some_and(|v| v == "before"), "{seen:?}");
        for value in &seen {
            let refused = attempts
                .iter()
                .any(|a| matches!(a.outcome, Outcome::NotDone(_)) && a.values.contains(value));
            ensure!(!refused, "{value} was refused as not done and is in the log");
        }
        for node in cluster.apis() {
            ensure!(values(&node).await? == seen, "the nodes show different logs");
        }
        cluster.demand_same_on_every_replica(&[TOPIC]).await
    });
}

#[test]
fn quorum_does_not_wait_for_a_stopped_follower_and_minus_1_does() {
    run(async {
        let (cluster, leader, followers) = cluster(Options::default()).await?;
        let api = cluster.api(leader).clone();

        phase("one follower is stopped; both levels are asked for at the same moment");
        cluster.pause(followers[0])?;
        let watch = Stopwatch::start();
        let all = {
            let api = api.clone();
            background(async move { produce(&api, "all", "&ack=-1").await })
        };
        produce(&api, "quorum", "&ack=quorum").await?.ok()?;
        let quorum_took = watch.elapsed();
        ensure!(!all.is_finished(), "ack -1 was given while an in-sync replica was stopped");

        phase("-1 is given once the stopped one is no longer in sync, and not before");
        all.await??.ok()?;
        let all_took = watch.elapsed();
        phase(format!("quorum took {quorum_took:?}, -1 took {all_took:?}"));
        ensure!(all_took > Duration::from_millis(300), "the replica left after {all_took:?}");
        ensure!(all_took < Duration::from_secs(10), "-1 was stuck for {all_took:?}");
        ensure!(quorum_took < all_took / 2, "quorum waited too: {quorum_took:?} of {all_took:?}");

        phase("back again, it is in sync again");
        cluster.resume(followers[0])?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        produce(&api, "all again", "&ack=-1").await?.ok()?;
        Ok(())
    });
}

#[test]
fn minus_1_is_refused_when_fewer_than_the_minimum_are_in_sync() {
    run(async {
        let (mut cluster, leader, followers) = cluster(Options::default()).await?;
        phase("the topic wants three in sync; one follower dies");
        let config = json!({ "config": { "min.insync.replicas": "3" } });
        let path = format!("/v1/topics/{TOPIC}");
        cluster.api(0).with_json(reqwest::Method::PATCH, &path, &config).await?.ok()?;
        cluster.kill(followers[0]);

        phase("-1 is refused as certainly not done; quorum goes on");
        let api = cluster.api(leader);
        wait_for("the refusal", Duration::from_secs(60), || async {
            let answer = produce(api, "refused", "&ack=-1&timeout_ms=1000").await?;
            answer.problem(503, "NOT_ENOUGH_REPLICAS")
        })
        .await?;
        produce(api, "quorum", "&ack=quorum").await?.ok()?;
        Ok(())
    });
}

/// Stops both followers and writes with ack 1 at once. On a busy machine the guard may hold before
/// the first write arrives; then the followers go on and it is tried again.
async fn stop_followers(
    cluster: &Cluster,
    leader: usize,
    followers: [usize; 2],
) -> Result<Stopwatch> {
    for round in 1..=3 {
        for follower in followers {
            cluster.pause(follower)?;
        }
        let stopped = Stopwatch::start();
        let answer = produce(cluster.api(leader), "alone 0", "&ack=1&timeout_ms=2000").await?;
        if answer.status == 200 {
            return Ok(stopped);
        }
        phase(format!("round {round}: the guard held {:?} after: {answer:?}", stopped.elapsed()));
        for follower in followers {
            cluster.resume(follower)?;
        }
        cluster.wait_in_sync(TOPIC, 3).await?;
        let now = cluster.leader(leader, TOPIC, 0).await?;
        ensure!(now == leader, "the leadership moved to {now}, which ends this test");
    }
    bail!("ack 1 was never given with both followers stopped")
}

/// Both followers are stopped, under an `ack1.max.lag.ms`.
async fn guard(lag_max_ms: u64) -> Result<()> {
    let (cluster, leader, followers) = cluster(Options::default()).await?;
    let api = cluster.api(leader);
    let config = json!({ "config": { "ack1.max.lag.ms": lag_max_ms.to_string() } });
    let path = format!("/v1/topics/{TOPIC}");
    api.with_json(reqwest::Method::PATCH, &path, &config).await?.ok()?;
    for n in 0..20 {
        produce(api, &format!("warm {n}"), "&ack=1").await?.ok()?;
    }

    phase("both followers are stopped: ack 1 is still given, by the leader's disk alone");
    let stopped = stop_followers(&cluster, leader, followers).await?;
    let mut acked = vec!["alone 0".to_owned()];

    phase("and then no more: within the guard's span it turns into waiting");
    // When the last one that was acknowledged was sent: it was given then at the earliest.
    let mut span = Duration::ZERO;
    loop {
        let value = format!("alone {}", acked.len());
        let sent = stopped.elapsed();
        let answer = produce(api, &value, "&ack=1&timeout_ms=700").await?;
        if answer.status != 200 {
            demand_held_back(&answer)?;
            break;
        }
        span = sent;
        acked.push(value);
        if stopped.elapsed() > Duration::from_secs(10) {
            bail!("ack 1 is given for ten seconds without any follower");
        }
    }
    phase(format!("{} records were acknowledged within {span:?}", acked.len()));
    let bound = Duration::from_millis(lag_max_ms) + ACK_1_GRACE;
    ensure!(span <= bound, "ack 1 was given for {span:?} without any follower");

    phase("the guard holds as long as they are away");
    stays("no ack 1 is given", Duration::from_secs(2), || async {
        demand_held_back(&produce(api, "guarded", "&ack=1&timeout_ms=300").await?)
    })
    .await?;

    phase("they come back: ack 1 works, and at most the end of it is gone");
    for follower in followers {
        cluster.resume(follower)?;
    }
    wait_for("ack 1 to be given again", Duration::from_secs(60), || async {
        produce(api, "back", "&ack=1&timeout_ms=1000").await?.ok()
    })
    .await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    let seen = values(api).await?;
    // The woken followers may have elected one of themselves: then the end of what ack 1 had
    // acknowledged may go, which is what ack 1 means; but only the end.
    let kept = acked.iter().take_while(|value| seen.contains(value)).count();
    let gap = acked[kept..].iter().find(|value| seen.contains(value));
    ensure!(gap.is_none(), "{gap:?} is there, but not all that was acknowledged before it");
    phase(format!("{kept} of {} acknowledged records were kept", acked.len()));
    Ok(())
}

#[test]
fn ack_1_goes_on_without_followers_for_one_second_at_most() {
    run(guard(1_000));
}

/// Shorter than any lease: here it is the guard that holds first.
#[test]
fn ack_1_goes_on_without_followers_for_as_long_as_the_topic_says() {
    run(guard(200));
}

#[test]
fn ack_0_is_answered_without_an_offset_and_arrives() {
    run(async {
        let (cluster, leader, _) = cluster(Options::default()).await?;
        let answer = produce(cluster.api(leader), "fire and forget", "&ack=0").await?;
        ensure!(answer.status == 202, "{answer:?}");
        wait_for("the record to arrive", Duration::from_secs(5), || async {
            values(cluster.api(leader)).await?.first().cloned().context("nothing yet")
        })
        .await?;
        Ok(())
    });
}

#[test]
fn every_ack_level_keeps_its_history_without_faults() {
    run(async {
        let mut cluster = Cluster::start(3).await?;
        let levels = [
            ("all", "-1", Ack::All),
            ("quorum", "quorum", Ack::Quorum),
            ("leader", "1", Ack::Leader),
        ];
        for (topic, ack, topic_ack) in levels {
            cluster.api(0).create_topic(topic, 2, 3, json!({ "ack": ack })).await?;
            cluster.wait_in_sync(topic, 3).await?;
            let options = AppendOptions { writers: 4, topic_ack, ..AppendOptions::new(topic, 2) };
            let journal = Journal::new();
            let appender = Appender::start(&cluster.apis(), &options, journal.recorder());
            appender.wait_more(100).await?;
            appender.stop().await?;
            cluster.wait_in_sync(topic, 3).await?;
            let verdict = read_back::judge(&journal, cluster.api(0), topic, 2).await?;
            phase(format!("ack {ack}: {}", verdict.summary()));
            ensure!(verdict.counts.unknown == 0, "unknown outcomes without any fault");
        }
        cluster.demand_same_on_every_replica(&["all", "quorum", "leader"]).await
    });
}
