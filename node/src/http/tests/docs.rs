//! The documents describe what is served.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use rampart_api::model::error_code::ErrorCode;
use serde_json::Value;

use super::harness::Harness;
use crate::http::openapi;

/// A path of the document with something in place of its variables.
fn filled(path: &str) -> String {
    let values = [
        ("{topic}", "flights"),
        ("{partition}", "0"),
        ("{node}", "1"),
        ("{group}", "g"),
        ("{member}", "m"),
        ("{name}", "east"),
    ];
    values.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

#[tokio::test]
async fn every_documented_path_is_served() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 1);
    let document: Value = harness.get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            // Deletes last: the others need what they delete.
            if method == "delete" {
                continue;
            }
            let answer = harness.send(&method.to_uppercase(), &filled(path), &[], "").await;
            assert!(
                !["NO_SUCH_ENDPOINT", "METHOD_NOT_ALLOWED"]
                    .iter()
                    .any(|code| answer.text().contains(code)),
                "{method} {path}: {}",
                answer.text()
            );
            operations += 1;
        }
    }
    for path in ["/v1/cluster/nodes/1", "/v1/castle/clusters/east", "/v1/topics/flights"] {
        assert_eq!(harness.send("DELETE", path, &[], "").await.status, StatusCode::OK, "{path}");
        operations += 1;
    }
    for path in ["/v1/groups/g", "/v1/groups/g/members/m"] {
        let answer = harness.send("DELETE", path, &[], "").await;
        answer.refused(ErrorCode::GroupNotFound, "no groups");
        operations += 1;
    }
    let documented: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|item| item.as_object().unwrap().len())
        .sum();
    assert_eq!(operations, documented);
}

#[tokio::test]
async fn everything_has_a_summary_and_every_reference_leads_somewhere() {
    let document: Value = serde_json::from_str(openapi::text()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{method} {path} has no summary");
            let names: Vec<_> =
                path.split('{').skip(1).map(|s| s.split('}').next().unwrap()).collect();
            for name in names {
                let parameters = operation["parameters"].as_array().unwrap();
                assert!(parameters.iter().any(|p| p["name"] == name), "{method} {path}: {name}");
            }
        }
    }
    for reference in openapi::text().split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
}

#[test]
fn every_operation_has_an_id_of_its_own() {
    let document: Value = serde_json::from_str(openapi::text()).unwrap();
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    let ids: Vec<_> = operations.map(|o| o["operationId"].as_str().unwrap()).collect();
    let different: BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), ids.len(), "{ids:?}");
}

#[tokio::test]
async fn headers_and_line_shapes_are_documented() {
    let document: Value = serde_json::from_str(openapi::text()).unwrap();
    let operation = |path: &str, method: &str| document["paths"][path][method].clone();
    let names = |operation: &Value| {
        let all = operation["parameters"].as_array().unwrap();
        all.iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let produce = operation("/v1/topics/{topic}/records", "post");
    for name in ["Prefer", "X-Record-Key", "X-Record-Header-*", "min_metadata_index"] {
        assert!(names(&produce).iter().any(|n| n == name), "{name}");
    }
    let partial = &produce["responses"]["207"]["content"];
    assert!(partial.get("application/problem+json").is_some(), "{partial}");
    let lines = &produce["responses"]["200"]["content"]["application/x-ndjson"]["schema"]["$ref"];
    assert_eq!(lines, "#/components/schemas/LineResult");
    let fetch = operation("/v1/topics/{topic}/partitions/{partition}/records", "get");
    for name in ["Accept", "Last-Event-ID", "min_metadata_index"] {
        assert!(names(&fetch).iter().any(|n| n == name), "{name}");
    }
    for name in ["X-Next-Offset", "X-High-Watermark", "X-Log-Start-Offset"] {
        assert!(fetch["responses"]["200"]["headers"].get(name).is_some(), "{name}");
    }
    assert!(names(&operation("/v1/cluster/health", "get")).len() == 1);
}

#[tokio::test]
async fn the_page_for_people_is_self_contained() {
    let page = Harness::new().get("/docs").await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert!(page.text().contains("/v1/topics/{topic}/records"));
}
