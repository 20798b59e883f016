//! Every path and method the OpenAPI document promises exists and answers in order.

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::session::{phase, run};
use reqwest::Method;
use serde_json::json;

/// A path with something that exists in each of its places.
fn fill(path: &str, node: u64) -> String {
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled += before;
        filled += &match name {
            "t" | "topic" | "name" => "walked".to_owned(),
            "id" | "node" => node.to_string(),
            _ => "0".to_owned(),
        };
        rest = after;
    }
    filled + rest
}

#[test]
fn every_path_of_the_openapi_document_answers() {
    run(async {
        let cluster = Cluster::start(3).await?;
        let api = cluster.api(0);
        api.create_topic("walked", 1, 3, json!({})).await?;
        cluster.wait_in_sync("walked", 3).await?;
        let node = cluster.node_id(2).await?;
        let document = api.get("/openapi.json").await?.ok()?;
        let version = document["openapi"].as_str().unwrap_or("");
        ensure!(version.starts_with("3.1"), "it is OpenAPI {version}");

        phase("each operation is called, the destructive ones last");
        let paths = document["paths"].as_object().context("no paths")?;
        ensure!(paths.len() >= 15, "only {} paths", paths.len());
        let mut operations = Vec::new();
        for (path, methods) in paths {
            for method in methods.as_object().context("no methods")?.keys() {
                if ["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                    operations.push((method == "delete", path.clone(), method.to_uppercase()));
                }
            }
        }
        operations.sort();
        for (_, path, method) in &operations {
            let method = Method::from_bytes(method.as_bytes())?;
            let request = api.request(method.clone(), &fill(path, node));
            // An endless answer is cut after its head, which is all that is looked at.
            let response = if method == Method::GET { request } else { request.json(&json!({})) };
            let response = response.send().await.with_context(|| format!("{method} {path}"))?;
            let status = response.status().as_u16();
            ensure!(status != 405 && status != 501, "{method} {path} answered {status}");
            if status >= 400 {
                demand_problem(&format!("{method} {path}"), response).await?;
            }
        }
        phase(format!("{} operations answered", operations.len()));

        phase("the rest: probes, metrics, a page for people, and a clear 404");
        for path in ["/livez", "/healthz", "/readyz", "/metrics", "/docs"] {
            let answer = api.get(path).await?;
            ensure!(answer.status == 200 && !answer.body.is_empty(), "{answer:?}");
        }
        api.get("/v1/no-such-thing").await?.problem(404, "NO_SUCH_ENDPOINT")?;
        Ok(())
    });
}

/// A refusal is a problem with a code, and neither "no such endpoint" nor a fault of the server.
async fn demand_problem(what: &str, response: reqwest::Response) -> Result<()> {
    let status = response.status().as_u16();
    let text = response.text().await?;
    let problem: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{what}: {status} {text}"))?;
    let code = problem["code"].as_str().unwrap_or("");
    ensure!(status != 500, "{what} failed inside: {text}");
    ensure!(!code.is_empty() && code != "NO_SUCH_ENDPOINT", "{what} answered {status} {text}");
    Ok(())
}
