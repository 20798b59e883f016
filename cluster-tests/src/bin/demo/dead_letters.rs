//! A group meets a record that it can't process: the record goes out of the way, and comes back when
//! somebody says so.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::probe::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use super::Demo;

/// What the progress bar counts here.
pub(crate) const UNITS: u64 = 2_000;
const ORDERS: &str = "orders";
const PATIENCE: Duration = Duration::from_secs(60);

/// Ten orders, one of which is none.
pub(crate) async fn reject_and_redrive(demo: &mut Demo) -> Result<()> {
    demo.step("a group, a record that it can't process, and its redrive");
    let api = demo.cluster.any()?.clone();
    api.create_topic(ORDERS, 1, 3, json!({})).await?;
    demo.cluster.wait_in_sync(ORDERS, demo.cluster.running().len()).await?;
    let path = format!("/v1/topics/{ORDERS}/dead-letter");
    let switch = json!({ "enabled": true, "attempts": 3 });
    api.with_json(Method::PUT, &format!("{path}?group=billing"), &switch).await?.ok()?;
    let orders: Vec<Value> = (0..10).map(|n| json!({ "value": { "order": n } })).collect();
    api.post(&format!("/v1/topics/{ORDERS}/records"), &json!({ "records": orders })).await?.ok()?;

    let (mut rejected, mut done) = (0, 0);
    for record in poll(&api, 10).await? {
        let token = &record["ack_token"];
        let settle = match record["value"]["order"] == 3 {
            true => {
                json!({ "member": "demo", "reject": [{ "token": token, "error": "no such customer" }] })
            }
            false => json!({ "member": "demo", "ack": [token] }),
        };
        let answer = api.post("/v1/groups/billing/ack", &settle).await?.ok()?;
        rejected += u64::from(answer["results"][0]["result"] == "dying");
        done += u64::from(answer["results"][0]["result"] == "acked");
    }
    demo.say(format!("{done} of ten orders are done, {rejected} is rejected and in nobody's way"));
    demo.bar.inc(UNITS / 2);

    let shown = wait_for("the dead letter", PATIENCE, || async {
        let shown = api.get(&format!("{path}/records?group=billing")).await?.ok()?;
        ensure!(shown["records"][0]["error"] == "no such customer", "{shown}");
        Ok(shown)
    })
    .await?;
    let origin = &shown["records"][0]["origin"];
    demo.say(format!("in {}: from {origin}", shown["topic"]));
    let redrive = json!({ "group": "billing" });
    let first = api.post(&format!("{path}:redrive"), &redrive).await?.ok()?;
    let second = api.post(&format!("{path}:redrive"), &redrive).await?.ok()?;
    let back = poll(&api, 1).await?;
    let is_it = back[0]["value"]["order"] == 3 && back[0]["attempt"] == 1;
    demo.report.seen(
        "a record that fails",
        "out of the way, back once",
        format!(
            "redriven {}, then {}; delivered {}",
            first["redriven"],
            second["redriven"],
            back.len()
        ),
        is_it && done == 9 && first["redriven"] == 1 && second["redriven"] == 0,
    );
    demo.bar.inc(UNITS / 2);
    Ok(())
}

/// So many records of the group.
async fn poll(api: &Api, count: usize) -> Result<Vec<Value>> {
    let body = json!({
        "member": "demo", "topics": [ORDERS], "start": "earliest", "wait_ms": 500,
        "max_records": count,
    });
    wait_for(format!("{count} records for the group"), PATIENCE, || async {
        let answer = api.post("/v1/groups/billing/poll", &body).await?.ok()?;
        let records = answer["records"].as_array().cloned().context("records")?;
        ensure!(records.len() == count, "{} came", records.len());
        Ok(records)
    })
    .await
}
