//! `[pure]` Media types: what a body is, and which form of an answer a client prefers.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;

use super::error::invalid;

/// `application/json`
pub(super) const JSON: &str = "application/json";
/// One JSON text a line.
pub(super) const NDJSON: &str = "application/x-ndjson";
/// Bytes.
pub(super) const OCTETS: &str = "application/octet-stream";
/// Record batches v2, back to back.
pub(super) const BATCH: &str = "application/vnd.rampart.batch";
/// Server-sent events.
pub(super) const EVENTS: &str = "text/event-stream";

/// The form of an answer with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One object.
    Json,
    /// One record a line.
    Ndjson,
    /// Stored batches as they are.
    Batch,
    /// A live tail.
    Events,
}

impl Form {
    /// Its media type.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Form::Json => JSON,
            Form::Ndjson => NDJSON,
            Form::Batch => BATCH,
            Form::Events => EVENTS,
        }
    }
}

/// Media type of the body in lower case, without parameters; `None` if the header is missing.
///
/// # Errors
/// The header is not text.
pub(super) fn content_type(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| invalid("the Content-Type header is not text"))?;
    Ok(Some(essence(text).to_ascii_lowercase()))
}

/// The form that the Accept header prefers among `offered`; JSON if it does not care.
///
/// # Errors
/// None of them is acceptable.
pub(super) fn negotiate(headers: &HeaderMap, offered: &[Form]) -> Result<Form, Problem> {
    let mut best: Option<(f32, Form)> = None;
    let mut named = false;
    for range in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for part in range.split(',') {
            named = true;
            let quality = quality(part);
            let Some(form) = offered.iter().copied().find(|form| matches(essence(part), *form))
            else {
                continue;
            };
            if quality > 0.0 && best.is_none_or(|(best, _)| quality > best) {
                best = Some((quality, form));
            }
        }
    }
    match best {
        Some((_, form)) => Ok(form),
        None if !named => Ok(Form::Json),
        None => {
            let offered: Vec<_> = offered.iter().map(|form| form.media_type()).collect();
            Err(Problem::new(
                ErrorCode::NotAcceptable,
                format!("this endpoint answers {}", offered.join(", ")),
            )
            .hint("name one of them in the Accept header"))
        }
    }
}

/// Text from a request, short enough to be shown in an answer.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

fn essence(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

fn matches(range: &str, form: Form) -> bool {
    let media_type = form.media_type();
    range.eq_ignore_ascii_case(media_type)
        || range == "*/*"
        || range.strip_suffix("/*").is_some_and(|kind| media_type.split('/').next() == Some(kind))
}

fn quality(range: &str) -> f32 {
    let weight = range.split(';').skip(1).find_map(|p| p.trim().strip_prefix("q="));
    weight.and_then(|weight| weight.parse().ok()).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Form; 4] = [Form::Json, Form::Ndjson, Form::Batch, Form::Events];

    #[test]
    fn the_preferred_form_is_chosen() {
        let cases = [
            ("", Some(Form::Json)),
            ("*/*", Some(Form::Json)),
            ("application/*", Some(Form::Json)),
            ("text/*", Some(Form::Events)),
            ("text/event-stream", Some(Form::Events)),
            ("application/x-ndjson", Some(Form::Ndjson)),
            ("application/vnd.rampart.batch;q=1.0", Some(Form::Batch)),
            ("application/json;q=0.1, application/x-ndjson;q=0.9", Some(Form::Ndjson)),
            ("text/html, application/xhtml+xml, */*;q=0.8", Some(Form::Json)),
            ("Application/JSON", Some(Form::Json)),
            ("application/json;q=0", None),
            ("image/png", None),
        ];
        for (accept, expected) in cases {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(ACCEPT, accept.parse().unwrap());
            }
            let chosen = negotiate(&headers, &ALL);
            assert_eq!(chosen.as_ref().ok().copied(), expected, "{accept}: {chosen:?}");
        }
    }
}
