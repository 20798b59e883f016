//! What a group gave up: seen with where it came from, brought back once however often that is asked
//! for and whoever dies, sent to a topic once, given up for good.

use rampart_api::model::murmur2::partition_for_key;

use super::*;

const RECORDS: &str = "/v1/topics/orders/dead-letter/records?group=billing";
const REDRIVE: &str = "/v1/topics/orders/dead-letter:redrive";
const PURGE: &str = "/v1/topics/orders/dead-letter:purge";

/// Rejects all there is: what is even with one reason, what is odd with another.
async fn reject_all(api: &Api, count: usize) -> Result<()> {
    let rejected: Vec<Value> = gather(api, count)
        .await?
        .iter()
        .map(|record| {
            let is_odd = record["value"].as_u64().is_some_and(|value| value % 2 == 1);
            let error = if is_odd { "it came late" } else { "no such customer" };
            json!({ "token": record["ack_token"], "error": error })
        })
        .collect();
    let results = settle(api, json!({ "reject": rejected })).await?;
    ensure!(results.iter().all(|result| result == "dying"), "{results:?}");
    wait_for(format!("{count} dead letters"), SOON, || async {
        let shown = api.get(RECORDS).await?.ok()?;
        ensure!(shown["depth"] == count && values(&shown)?.len() == count, "{shown}");
        Ok(())
    })
    .await
}

/// The values that an answer shows.
fn values(shown: &Value) -> Result<Vec<u64>> {
    let records = shown["records"].as_array().context("records")?;
    let values = records.iter().map(|record| record["value"].as_u64().context("a value"));
    let mut values = values.collect::<Result<Vec<u64>>>()?;
    values.sort_unstable();
    Ok(values)
}

async fn peek(api: &Api, query: &str) -> Result<Vec<u64>> {
    values(&api.get(&format!("{RECORDS}{query}")).await?.ok()?)
}

/// The node that coordinates the group.
pub(super) async fn coordinator(cluster: &Cluster) -> Result<usize> {
    let topic = cluster.any()?.get("/v1/topics/__group_state").await?.ok()?;
    let partitions = topic["partitions"].as_array().context("partitions")?;
    let number = partition_for_key(b"billing", u32::try_from(partitions.len())?);
    let leader = partitions[number as usize]["leader"].as_u64().context("no leader")?;
    cluster.index_of(leader).await
}

#[test]
fn a_dead_letter_shows_where_it_came_from_and_comes_back_once_whoever_dies() {
    run(async {
        let mut cluster = cluster(2).await?;
        produce(cluster.api(0), 0..10).await?;
        reject_all(cluster.api(1), 10).await?;

        phase("each is shown as it was, with where it came from and why");
        let api = cluster.api(2);
        let shown = api.get(RECORDS).await?.ok()?;
        ensure!(shown["topic"] == DEAD && shown["next_cursor"].is_null(), "{shown}");
        for record in shown["records"].as_array().context("records")? {
            let (value, origin) = (record["value"].as_u64().context("a value")?, &record["origin"]);
            let odd = value % 2 == 1;
            ensure!(record["key"] == format!("k{value}"), "{record}");
            ensure!(
                record["error"] == if odd { "it came late" } else { "no such customer" },
                "{record}"
            );
            ensure!(record["headers"] == json!({}) && record["attempts"] == 1, "{record}");
            ensure!(record["group"] == "billing" && origin["topic"] == TOPIC, "{record}");
            let partition = origin["partition"].as_u64().context("a partition")?;
            let offset = origin["offset"].as_u64().context("an offset")?;
            let path = format!("/v1/topics/{TOPIC}/partitions/{partition}/records?offset={offset}");
            let read = api.get(&path).await?.ok()?;
            ensure!(read["records"][0]["value"] == value, "{record} is not {read}");
            ensure!(read["records"][0]["timestamp"] == origin["timestamp"], "{record} {read}");
            let one = peek(api, &format!("&partition={partition}&offset={offset}")).await?;
            ensure!(one == [value], "{one:?}");
        }

        phase("by filter, and page by page");
        ensure!(peek(api, "&error=late").await? == [1, 3, 5, 7, 9], "by error");
        ensure!(peek(api, "&key=k4").await? == [4], "by key");
        ensure!(peek(api, "&contains=7").await? == [7], "by value");
        ensure!(peek(api, "&error=late&key=k4").await?.is_empty(), "by both");
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = api.get(&format!("{RECORDS}&max_records=3{cursor}")).await?.ok()?;
            ensure!(values(&page)?.len() <= 3, "{page}");
            paged.extend(values(&page)?);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        paged.sort_unstable();
        ensure!(paged == (0..10).collect::<Vec<_>>(), "{paged:?}");

        phase("a dry run changes nothing");
        let dry = json!({ "group": "billing", "error": "late", "dry_run": true });
        let counted = api.post(REDRIVE, &dry).await?.ok()?;
        ensure!(counted["matched"] == 5 && counted["redriven"] == 0, "{counted}");
        ensure!(counted["dry_run"] == true, "{counted}");
        let switch =
            api.get(&format!("/v1/topics/{TOPIC}/dead-letter?group=billing")).await?.ok()?;
        ensure!(switch["depth"] == 10 && switch["parked"] == 0, "{switch}");
        ensure!(switch["depth_is_exact"] == true, "{switch}");

        phase("redriven, the coordinator killed, and redriven again: each is brought back once");
        let late = json!({ "group": "billing", "error": "late" });
        let first = api.post(REDRIVE, &late).await?.ok()?;
        ensure!(first["redriven"] == 5 && first["left"] == 0, "{first}");
        let killed = coordinator(&cluster).await?;
        cluster.kill(killed);
        let api = cluster.api((killed + 1) % 3).clone();
        wait_for("the next coordinator to have nothing to redrive", SOON, || async {
            let again = api.post(REDRIVE, &late).await?.ok()?;
            ensure!(again["redriven"] == 0 && again["matched"] == 0, "{again}");
            Ok(())
        })
        .await?;
        let held = gather(&api, 5).await?;
        let mut back: Vec<u64> =
            held.iter().filter_map(|record| record["value"].as_u64()).collect();
        back.sort_unstable();
        ensure!(back == [1, 3, 5, 7, 9], "{back:?}");
        ensure!(held.iter().all(|record| record["attempt"] == 1), "{held:?}");
        let tokens: Vec<&Value> = held.iter().map(|record| &record["ack_token"]).collect();
        let results = settle(&api, json!({ "ack": tokens })).await?;
        ensure!(results.iter().all(|result| result == "acked"), "{results:?}");
        cluster.restart(killed).await?;
        ensure!(poll(&api, 30_000).await?.is_empty(), "one of them came twice");
        ensure!(peek(&api, "").await? == [0, 2, 4, 6, 8], "the others are where they were");

        phase("the rest is given up for good, after a look at how many");
        let one = json!({ "group": "billing", "key": "k4" });
        let mut dry = one.clone();
        dry["dry_run"] = json!(true);
        let counted = api.post(PURGE, &dry).await?.ok()?;
        ensure!(counted["matched"] == 1 && counted["purged"] == 0, "{counted}");
        let purged = api.post(PURGE, &one).await?.ok()?;
        ensure!(purged["purged"] == 1 && peek(&api, "").await? == [0, 2, 6, 8], "{purged}");
        let purged = api.post(PURGE, &json!({ "group": "billing" })).await?.ok()?;
        ensure!(purged["purged"] == 4 && purged["next_cursor"].is_null(), "{purged}");
        let shown = api.get(RECORDS).await?.ok()?;
        ensure!(shown["depth"] == 0 && values(&shown)?.is_empty(), "{shown}");
        let nothing = api.post(REDRIVE, &json!({ "group": "billing" })).await?.ok()?;
        ensure!(nothing["redriven"] == 0, "{nothing}");
        ensure!(dead(&api).await?.len() == 10, "nothing is deleted from the topic itself");
        Ok(())
    });
}

#[test]
fn a_redrive_to_a_topic_writes_each_record_once_however_often_it_is_asked_for() {
    run(async {
        let cluster = cluster(2).await?;
        produce(cluster.api(0), 0..40).await?;
        reject_all(cluster.api(1), 40).await?;
        cluster.api(0).create_topic("again", 3, 3, json!({})).await?;
        cluster.wait_in_sync("again", 3).await?;

        phase("through all nodes at once: whoever is second finds what the first one wrote");
        let body = json!({ "group": "billing", "to": { "topic": "again" } });
        let (a, b, c) = tokio::join!(
            cluster.api(0).post(REDRIVE, &body),
            cluster.api(1).post(REDRIVE, &body),
            cluster.api(2).post(REDRIVE, &body),
        );
        for answer in [a, b, c] {
            let answer = answer?.ok()?;
            ensure!(answer["left"] == 0 && answer["next_cursor"].is_null(), "{answer}");
        }
        let api = cluster.api(0);
        let again = api.post(REDRIVE, &body).await?.ok()?;
        ensure!(again["matched"] == 0, "{again}");
        let read = api.get("/v1/topics/again/records?max_records=10000").await?.ok()?;
        ensure!(values(&read)? == (0..40).collect::<Vec<_>>(), "{read}");
        for record in read["records"].as_array().context("records")? {
            ensure!(record["headers"] == json!({}), "it is as it was: {record}");
        }
        ensure!(poll(api, 30_000).await?.is_empty(), "nothing comes back to the group");
        let shown = api.get(RECORDS).await?.ok()?;
        ensure!(shown["depth"] == 0, "{shown}");
        Ok(())
    });
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    run(async {
        let cluster = cluster(1).await?;
        let api = cluster.api(0);
        produce(api, 0..2).await?;
        reject_all(api, 2).await?;
        let billing = || json!({ "group": "billing" });
        let with = |name: &str, value: Value| {
            let mut body = billing();
            body[name] = value;
            body
        };

        phase("groups, topics, partitions and cursors that are not there");
        let unknown = json!({ "group": "nobody" });
        for path in [REDRIVE, PURGE] {
            api.post(path, &unknown).await?.problem(404, "GROUP_NOT_FOUND")?;
            let elsewhere = path.replace("orders", "other");
            api.post(&elsewhere, &billing()).await?.problem(404, "TOPIC_NOT_FOUND")?;
            let long = json!({ "group": "g".repeat(10_000) });
            api.post(path, &long).await?.problem(400, "INVALID_REQUEST")?;
            for cursor in ["", "x", "AQAAAg.AQAAAg", &"c".repeat(10_000)] {
                let body = with("cursor", json!(cursor));
                api.post(path, &body).await?.problem(400, "INVALID_REQUEST")?;
            }
            api.post(path, &with("errror", json!("x"))).await?.problem(400, "INVALID_REQUEST")?;
            let long = with("contains", json!("x".repeat(2_000)));
            api.post(path, &long).await?.problem(400, "INVALID_REQUEST")?;
            api.post(path, &with("max_records", json!(0)))
                .await?
                .problem(400, "INVALID_REQUEST")?;
        }
        let path = "/v1/topics/orders/dead-letter/records";
        api.get(path).await?.problem(400, "INVALID_REQUEST")?;
        api.get(&format!("{path}?group=nobody")).await?.problem(404, "GROUP_NOT_FOUND")?;
        let long = format!("{path}?group={}", "g".repeat(10_000));
        api.get(&long).await?.problem(400, "INVALID_REQUEST")?;
        api.get(&format!("{RECORDS}&partition=9")).await?.problem(404, "INVALID_PARTITION")?;
        api.get(&format!("{RECORDS}&cursor=zzz")).await?.problem(400, "INVALID_REQUEST")?;

        phase("topics that nothing may be sent to");
        let to = |name: &str| with("to", json!({ "topic": name }));
        api.post(REDRIVE, &to("nowhere")).await?.problem(404, "TOPIC_NOT_FOUND")?;
        api.post(REDRIVE, &to("__group_state")).await?.problem(409, "UNSAFE")?;
        api.post(REDRIVE, &to(DEAD)).await?.problem(400, "INVALID_REQUEST")?;
        ensure!(peek(api, "").await? == [0, 1], "nothing was lost by it");
        Ok(())
    });
}
