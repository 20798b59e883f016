//! The console's place in the edge, whether it was built or not.

use axum::http::StatusCode;

use super::harness::Harness;

const BROWSER: (&str, &str) =
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

#[tokio::test]
async fn a_browser_is_led_to_the_console_and_a_program_is_not() {
    let harness = Harness::new();
    let answer = harness.send("GET", "/", &[BROWSER], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (307, "/console/"));
    let answer = harness.send("GET", "/console", &[BROWSER], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (308, "/console/"));
    for accept in ["*/*", "application/json"] {
        let answer = harness.send("GET", "/", &[("accept", accept)], "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
}

#[tokio::test]
async fn every_path_of_the_console_is_a_guarded_page() {
    let harness = Harness::new();
    for path in ["/console/", "/console/topics", "/console/topics/a.b", "/console/%2e%2e/x"] {
        let page = harness.send("GET", path, &[BROWSER], "").await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert!(!page.text().contains("<script>") && !page.text().contains("style="), "{path}");
    }
}

#[tokio::test]
async fn the_console_needs_no_metadata_and_takes_no_writes() {
    let harness = Harness::new();
    let answer = harness.send("POST", "/console/", &[], "").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let head = harness.send("HEAD", "/console/topics", &[BROWSER], "").await;
    assert!(head.body.is_empty() && head.header("content-type").starts_with("text/html"));
}
