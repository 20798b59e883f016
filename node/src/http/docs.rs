//! `/docs`: a page for people, generated from the OpenAPI document. No script, nothing loaded from
//! elsewhere.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde_json::Value;

use super::openapi;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
padding:0 1rem;color:#1b1f24;background:#fff}h2{margin-top:2.5rem;border-bottom:1px solid #ccd}\
h3{margin:2rem 0 .3rem;font-size:1rem}code{font:.9em ui-monospace,monospace}\
h3 b{display:inline-block;min-width:4.2em;color:#06c}table{border-collapse:collapse;width:100%;\
margin:.5rem 0}td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;\
border-top:1px solid #e4e7eb}a{color:#06c}p{margin:.3rem 0}\
@media(prefers-color-scheme:dark){body{color:#dde;background:#15181c}td,th,h2{border-color:#333}\
a,h3 b{color:#6bf}}";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let document: Value = serde_json::from_str(openapi::text()).expect("our own document");
    page(&document)
});

/// This interface as a page for people.
#[utoipa::path(
    get, path = "/docs", tag = "operations",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
pub(super) async fn docs() -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY)];
    (headers, PAGE.as_str())
}

fn page(document: &Value) -> String {
    let mut out = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style><h1>{title} {version}</h1><p>{about}</p>\
         <p>The same as a document for programs: <a href=/openapi.json>openapi.json</a>.</p>",
        title = text(&document["info"]["title"]),
        version = text(&document["info"]["version"]),
        about = text(&document["info"]["description"]),
    );
    for tag in list(&document["tags"]) {
        let name = tag["name"].as_str().unwrap_or_default();
        put(
            &mut out,
            format_args!("<h2>{}</h2><p>{}</p>", text(&tag["name"]), text(&tag["description"])),
        );
        for (path, method, operation) in operations(document) {
            if list(&operation["tags"]).iter().any(|tag| tag == name) {
                put_operation(&mut out, path, method, operation);
            }
        }
    }
    out.push_str("<h2>Bodies</h2>");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        put_schema(&mut out, name, schema);
    }
    out.push_str("</html>");
    out
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &'static str, &Value)> {
    entries(&document["paths"]).flat_map(|(path, item)| {
        METHODS.iter().filter_map(move |method| Some((path, *method, item.get(method)?)))
    })
}

fn put_operation(out: &mut String, path: &str, method: &str, operation: &Value) {
    let method = method.to_uppercase();
    let path = escaped(path);
    put(out, format_args!("<h3><b>{method}</b> <code>{path}</code></h3>"));
    put(out, format_args!("<p>{}</p>", text(&operation["summary"])));
    put(out, format_args!("<p>{}</p>", text(&operation["description"])));
    let parameters = list(&operation["parameters"]);
    if !parameters.is_empty() {
        out.push_str("<table>");
        for parameter in parameters {
            let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
            let about = text(&parameter["description"]);
            put(out, format_args!("<tr><td><code>{name}</code><td>{place}<td>{about}"));
        }
        out.push_str("</table>");
    }
    let body = bodies(&operation["requestBody"]["content"]);
    if !body.is_empty() {
        put(out, format_args!("<p>Body: {body}</p>"));
    }
    out.push_str("<table>");
    for (status, response) in entries(&operation["responses"]) {
        let (status, about) = (escaped(status), text(&response["description"]));
        let body = bodies(&response["content"]);
        put(out, format_args!("<tr><td>{status}<td>{about}<td>{body}"));
    }
    out.push_str("</table>");
}

fn bodies(content: &Value) -> String {
    let bodies = entries(content).map(|(media_type, body)| {
        format!("{} <code>{}</code>", kind(&body["schema"]), escaped(media_type))
    });
    bodies.collect::<Vec<_>>().join(", ")
}

fn put_schema(out: &mut String, name: &str, schema: &Value) {
    let name = escaped(name);
    put(out, format_args!("<h3 id=\"{name}\"><code>{name}</code></h3>"));
    put(out, format_args!("<p>{}</p><table>", text(&schema["description"])));
    for (field, about) in entries(&schema["properties"]) {
        let required = list(&schema["required"]).iter().any(|name| name == field);
        let (field, kind) = (escaped(field), kind(about));
        let needed = if required { "" } else { "optional" };
        let about = text(&about["description"]);
        put(out, format_args!("<tr><td><code>{field}</code><td>{kind}<td>{needed}<td>{about}"));
    }
    out.push_str("</table>");
}

/// A schema in few words, linked where it has a name.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let name = escaped(name);
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    for choice in ["oneOf", "anyOf"] {
        let choices: Vec<_> = list(&schema[choice]).iter().map(kind).collect();
        if !choices.is_empty() {
            return choices.join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(word) if word == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(word) => escaped(word),
        Value::Array(words) => words.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => String::new(),
    }
}

fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    out.write_fmt(what).expect("writing to memory can't fail");
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_on_the_page_and_nothing_is_loaded() {
        let document: Value = serde_json::from_str(openapi::text()).unwrap();
        let page = page(&document);
        for (path, method, _) in operations(&document) {
            let heading = format!("<b>{}</b> <code>{path}</code>", method.to_uppercase());
            assert!(page.contains(&heading), "{heading}");
        }
        assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("http://"));
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}
