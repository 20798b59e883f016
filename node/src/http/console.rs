//! `/console/`: the web console, as `make console` built it from `node/console` before this crate was
//! compiled; without it a page that says how to build it. The console itself uses nothing but the
//! public API, so these are files and nothing else.

use std::borrow::Cow;
use std::fmt::Write;

use axum::extract::Path;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use rust_embed::{Embed, EmbeddedFile};

use super::error::Refusal;
use super::media::shown;

/// Where the console begins.
pub(super) const HOME: &str = "/console/";
/// Files whose names change with their contents.
const HASHED: &str = "assets/";
const INDEX: &str = "index.html";
/// Scripts, styles and answers of this server, and nothing else; nothing written into the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'";
const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8>\
    <meta name=color-scheme content=\"light dark\"><title>Rampart</title>\
    <h1>The console is not in this binary</h1>\
    <p>It was compiled without it. With Node.js 20.19 or newer, in a clone of the repository:\
    <pre>make build</pre>\
    <p><code>make console</code> builds the console alone and says what it lacks.\
    <p>Everything the console does is also there <a href=/docs>over HTTP</a> and by command: \
    <code>rampart --help</code>.</html>";

#[derive(Embed)]
#[folder = "console/dist/bundle"]
#[allow_missing = true]
struct Bundle;

/// A file of the console.
#[derive(Debug, Clone)]
struct File {
    bytes: Cow<'static, [u8]>,
    etag: String,
}

/// Where files come from: the bundle, or what a test puts in its place.
type Find = fn(&str) -> Option<File>;

/// The page, whatever it then shows.
pub(super) async fn index(headers: HeaderMap) -> Response {
    answer(embedded, INDEX, &headers)
}

/// A file, or for every path that names none the page, which knows its own paths.
pub(super) async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    answer(embedded, &path, &headers)
}

/// Whether a page is what the client would rather have.
pub(super) fn is_browser(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| range.trim().starts_with("text/html"))
}

fn embedded(path: &str) -> Option<File> {
    let EmbeddedFile { data, metadata } = Bundle::get(path)?;
    let mut etag = String::from("\"");
    for byte in &metadata.sha256_hash()[..16] {
        write!(etag, "{byte:02x}").expect("a string takes everything");
    }
    etag.push('"');
    Some(File { bytes: data, etag })
}

fn answer(find: Find, path: &str, headers: &HeaderMap) -> Response {
    let Some(index) = find(INDEX) else {
        let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-store")];
        return (StatusCode::NOT_FOUND, guarded(headers.into()), NOT_BUILT).into_response();
    };
    match find(path) {
        Some(file) => send(path, file, headers),
        // The page of another build asks for what is gone; the page in its place would not run.
        None if path.starts_with(HASHED) => gone(path),
        None => send(INDEX, index, headers),
    }
}

fn send(path: &str, file: File, headers: &HeaderMap) -> Response {
    let cache = match path.starts_with(HASHED) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let own = guarded(vec![(CONTENT_TYPE, content_type(path)), (CACHE_CONTROL, cache)]);
    let tag = [(ETAG, file.etag.clone())];
    match is_known(headers, &file.etag) {
        true => (StatusCode::NOT_MODIFIED, tag, own).into_response(),
        false => (tag, own, file.bytes).into_response(),
    }
}

fn gone(path: &str) -> Response {
    let detail = format!("this console has no file {}", shown(path));
    let hint = "reload the page: the server was updated, or a load balancer mixes versions";
    Refusal(Problem::new(ErrorCode::NoSuchEndpoint, detail).hint(hint)).into_response()
}

/// Headers with those that every page and file has.
fn guarded(mut headers: Vec<(HeaderName, &'static str)>) -> HeaderMap {
    headers.extend([
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ]);
    headers.into_iter().map(|(name, value)| (name, value.parse().expect("plain text"))).collect()
}

fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(path: &str) -> Option<File> {
        let text = match path {
            INDEX => "<page>",
            "assets/index-1a2b.js" => "run()",
            "favicon.svg" => "<svg/>",
            _ => return None,
        };
        Some(File { bytes: text.as_bytes().into(), etag: format!("\"{}\"", text.len()) })
    }

    fn header(response: &Response, name: HeaderName) -> &str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn files_have_their_type_and_every_other_path_is_the_page() {
        let cases = [
            (INDEX, 200, "text/html; charset=utf-8", "no-cache"),
            ("topics", 200, "text/html; charset=utf-8", "no-cache"),
            ("topics/a.b.dlq", 200, "text/html; charset=utf-8", "no-cache"),
            ("../Cargo.toml", 200, "text/html; charset=utf-8", "no-cache"),
            ("favicon.svg", 200, "image/svg+xml", "no-cache"),
            (
                "assets/index-1a2b.js",
                200,
                "text/javascript; charset=utf-8",
                "public, max-age=31536000, immutable",
            ),
            ("assets/index-0000.js", 404, "application/problem+json", ""),
        ];
        for (path, status, content_type, cache) in cases {
            let response = answer(built, path, &HeaderMap::new());
            assert_eq!(response.status().as_u16(), status, "{path}");
            assert_eq!(header(&response, CONTENT_TYPE), content_type, "{path}");
            assert_eq!(header(&response, CACHE_CONTROL), cache, "{path}");
            let policy = header(&response, CONTENT_SECURITY_POLICY);
            assert_eq!(policy.contains("default-src 'none'"), status == 200, "{path}");
            assert!(!policy.contains("unsafe"), "{path}");
        }
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let asked = |tag: &str| {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, tag.parse().unwrap())]);
            answer(built, INDEX, &headers).status().as_u16()
        };
        let tag = header(&answer(built, INDEX, &HeaderMap::new()), ETAG).to_owned();
        assert_eq!(asked(&tag), 304);
        assert_eq!(asked(&format!("\"x\", W/{tag}")), 304);
        assert_eq!(asked("*"), 304);
        assert_eq!(asked("\"x\""), 200);
    }

    #[test]
    fn without_a_bundle_every_path_says_how_to_build_it() {
        for path in [INDEX, "topics/flights", "assets/index-1a2b.js"] {
            let response = answer(|_| None, path, &HeaderMap::new());
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(header(&response, CONTENT_TYPE), "text/html; charset=utf-8");
            assert_eq!(header(&response, CACHE_CONTROL), "no-store");
        }
        assert!(NOT_BUILT.contains("make build"));
    }
}
