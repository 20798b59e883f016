//! Dead letters in trouble: their topic can't be written, the record is gone, the delay is too long.

use super::*;

/// A record more than are parked of a partition.
const FLOOD: usize = 1_001;

#[test]
fn while_the_dead_letter_topic_is_away_the_partition_pauses_and_says_so_and_nothing_is_lost() {
    run(async {
        let mut cluster = cluster(1).await?;
        phase("dead letters go to a topic with one replica, on a node that dies");
        cluster.api(0).create_topic("dead", 1, 1, json!({})).await?;
        let switch = json!({ "enabled": true, "attempts": 2, "delay_ms": 300, "topic": "dead" });
        let path = format!("/v1/topics/{TOPIC}/dead-letter?group=billing");
        cluster.api(0).with_json(Method::PUT, &path, &switch).await?.ok()?;
        let away = cluster.leader(0, "dead", 0).await?;
        produce(cluster.api(0), 0..FLOOD as u64).await?;
        cluster.kill(away);
        let api = cluster.api((away + 1) % 3).clone();

        phase("a thousand are rejected and wait to be written; the next one finds no room");
        let mut waiting = 0;
        let mut held = wait_for("records through another node", SOON, || async {
            let held = poll(&api, 60_000).await?;
            ensure!(!held.is_empty(), "nothing comes");
            Ok(held)
        })
        .await?;
        loop {
            for record in std::mem::take(&mut held) {
                let reject = json!({ "reject": [{ "token": record["ack_token"], "error": "no" }] });
                match settle(&api, reject).await?.as_slice() {
                    [done] if done == "dying" => waiting += 1,
                    [other] => {
                        ensure!(
                            other == "OVERLOADED" && waiting == FLOOD - 1,
                            "{waiting}: {other}"
                        );
                        held.push(record);
                    }
                    others => anyhow::bail!("{others:?}"),
                }
            }
            if !held.is_empty() {
                break;
            }
            held = poll(&api, 60_000).await?;
        }
        let group = api.get("/v1/groups/billing").await?.ok()?;
        let partition = &group["partitions"][0];
        ensure!(partition["dying"] == FLOOD - 1 && partition["in_flight"] == 1, "{group}");
        ensure!(group["counters"]["dead"] == 0, "{group}");
        let shown = api.get(&path).await?.ok()?;
        ensure!(shown["enabled"] == true, "the switch is shown all the same: {shown}");

        phase("the node comes back: all are written, each once, and the partition goes on");
        cluster.restart(away).await?;
        wait_for("all are dead", SOON, || async {
            let group = api.get("/v1/groups/billing").await?.ok()?;
            ensure!(group["counters"]["dead"] == FLOOD - 1, "{}", group["counters"]);
            Ok(())
        })
        .await?;
        // The member may have been silent for longer than its session.
        let token = gather(&api, 1).await?[0]["ack_token"].clone();
        let results = settle(&api, json!({ "reject": [{ "token": token }] })).await?;
        ensure!(results == ["dying"], "{results:?}");
        let read = api.get("/v1/topics/dead/records?max_records=10000").await?.ok()?;
        let records = read["records"].as_array().context("records")?;
        let values: std::collections::BTreeSet<_> =
            records.iter().filter_map(|record| record["value"].as_u64()).collect();
        ensure!(records.len() >= FLOOD - 1 && values.len() == records.len(), "{}", records.len());
        Ok(())
    });
}

#[test]
fn a_record_that_retention_took_is_gone_and_a_delay_beyond_the_limit_is_refused() {
    run(async {
        let cluster = cluster(1).await?;
        let api = cluster.api(0);
        produce(api, 0..4).await?;
        let held = gather(api, 4).await?;
        let token = |index: usize| held[index]["ack_token"].clone();

        phase("a delay beyond the limit changes nothing: the record stays in hand");
        let eight_days = 8 * 24 * 3_600_000_u64;
        let long = json!({ "retry": [
            { "token": token(3), "delay_ms": eight_days },
            { "token": token(2), "delay_ms": u64::MAX },
        ] });
        let results = settle(api, long).await?;
        ensure!(results == ["INVALID_REQUEST", "INVALID_REQUEST"], "{results:?}");
        let results = settle(api, json!({ "ack": [token(3)] })).await?;
        ensure!(results == ["acked"], "it is still in hand: {results:?}");
        let results =
            settle(api, json!({ "retry": [{ "token": token(2), "delay_ms": 0 }] })).await?;
        ensure!(results == ["parked"], "{results:?}");

        phase("two records are taken away under their reader: they are gone, and counted");
        let cut = json!({ "partitions": [{ "partition": 0, "before_offset": 2 }] });
        api.post(&format!("/v1/topics/{TOPIC}/truncate"), &cut).await?.ok()?;
        let body = json!({ "retry": [{ "token": token(0) }], "reject": [{ "token": token(1) }] });
        let results = settle(api, body).await?;
        ensure!(results == ["gone", "gone"], "{results:?}");
        let group = api.get("/v1/groups/billing").await?.ok()?;
        ensure!(group["counters"]["lost"] == 2, "{group}");
        ensure!(gather(api, 1).await?[0]["value"] == 2, "what was parked comes, whatever is gone");
        Ok(())
    });
}

#[test]
fn a_record_of_the_largest_size_is_parked_dies_and_comes_back_like_any_other() {
    /// Of the two records, in bytes; the operator allowed the second size.
    const SIZES: [usize; 2] = [900 << 10, 15 << 20];
    const CONFIG: &str = "\
        [limits]\n\
        record_bytes_max = 16777216\n\
        request_bytes_max = 33554432\n\
        fetch_bytes_max = 33554432\n\
        partition_bytes_in_flight_max = 67108864\n\
        connection_bytes_in_flight_max = 67108864\n";
    run(async {
        let options = Options { config: CONFIG, ..Options::default() };
        let mut cluster =
            cluster_with(options, 1, json!({ "max.message.bytes": "16777216" })).await?;
        let large = SIZES.map(|size| "x".repeat(size));
        let size = |record: &Value| record["value"].as_str().map(str::len);
        for value in &large {
            let body = json!({ "records": [{ "key": "large", "value": value }] });
            cluster.api(0).post(&format!("/v1/topics/{TOPIC}/records"), &body).await?.ok()?;
        }
        produce(cluster.api(0), 0..10).await?;

        phase("both are to come again, and the ten behind them are not held up");
        let api = cluster.api(1).clone();
        for record in gather(&api, 12).await? {
            let token = &record["ack_token"];
            let body = match size(&record) {
                Some(_) => json!({ "retry": [{ "token": token, "error": "too much" }] }),
                None => json!({ "ack": [token] }),
            };
            let results = settle(&api, body).await?;
            ensure!(results == ["parked"] || results == ["acked"], "{results:?}");
        }
        let group = api.get("/v1/groups/billing").await?.ok()?;
        ensure!(group["partitions"][0]["committed"] == 12, "{group}");

        phase("they come again whatever becomes of the partition and the coordinator");
        let cut = json!({ "partitions": [{ "partition": 0, "before_offset": 12 }] });
        api.post(&format!("/v1/topics/{TOPIC}/truncate"), &cut).await?.ok()?;
        let killed = redrive::coordinator(&cluster).await?;
        cluster.kill(killed);
        let api = cluster.api((killed + 1) % 3).clone();
        let again = wait_for("another coordinator", SOON, || gather(&api, 2)).await?;
        for record in again {
            ensure!(record["attempt"] == 2 && record["error"] == "too much", "{}", record["error"]);
            ensure!(size(&record).is_some_and(|size| SIZES.contains(&size)), "{:?}", size(&record));
            let results =
                settle(&api, json!({ "reject": [{ "token": record["ack_token"] }] })).await?;
            ensure!(results == ["dying"], "{results:?}");
        }
        cluster.restart(killed).await?;

        phase("both end in the dead-letter topic, and come back from it as they were");
        let path = format!("/v1/topics/{TOPIC}/dead-letter?group=billing");
        wait_for("two dead letters", SOON, || async {
            let shown = api.get(&path).await?.ok()?;
            ensure!(shown["depth"] == 2, "{shown}");
            Ok(())
        })
        .await?;
        let redriven = api
            .post(
                &format!("/v1/topics/{TOPIC}/dead-letter:redrive"),
                &json!({ "group": "billing" }),
            )
            .await?
            .ok()?;
        ensure!(redriven["redriven"] == 2 && redriven["left"] == 0, "{redriven}");
        let mut back: Vec<_> = gather(&api, 2).await?.iter().filter_map(size).collect();
        back.sort_unstable();
        ensure!(back == SIZES, "{back:?}");
        Ok(())
    });
}
