//! The documents describe what is served.

use axum::http::StatusCode;
use serde_json::Value;

use super::harness::Harness;
use crate::http::openapi;

/// A path of the document with something in place of its variables.
fn filled(path: &str) -> String {
    let values = [("{topic}", "flights"), ("{partition}", "0"), ("{node}", "1")];
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
                !answer.text().contains("NO_SUCH_ENDPOINT"),
                "{method} {path}: {}",
                answer.text()
            );
            operations += 1;
        }
    }
    for path in ["/v1/cluster/nodes/1", "/v1/topics/flights"] {
        assert_eq!(harness.send("DELETE", path, &[], "").await.status, StatusCode::OK, "{path}");
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

#[tokio::test]
async fn the_page_for_people_is_self_contained() {
    let page = Harness::new().get("/docs").await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert!(page.text().contains("/v1/topics/{topic}/records"));
}
