//! Query parameters and path segments, each refusal naming the parameter.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::path::Path;
use axum::http::Uri;
use axum::http::request::Parts;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{NodeId, PartitionId};
use rampart_api::model::problem::Problem;
use serde::de::DeserializeOwned;

use super::error::{Refusal, invalid};
use super::media::shown;

/// The query as `T`, which refuses unknown fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parse(&parts.uri).map(Query).map_err(Refusal)
    }
}

/// The variable segments of the path, decoded.
#[derive(Debug, Clone)]
pub(super) struct Segments<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Segments(segments)),
            Err(rejection) => Err(Refusal(invalid(rejection.body_text()))),
        }
    }
}

/// No query at all.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoQuery {}

fn parse<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    axum::extract::Query::<T>::try_from_uri(uri).map(|query| query.0).map_err(|rejection| {
        let text = rejection.body_text();
        let detail = text.split_once(": ").map_or(text.as_str(), |(_, detail)| detail);
        invalid(format!("query parameter: {detail}"))
    })
}

/// A partition number in the path.
///
/// # Errors
/// `INVALID_REQUEST`.
pub(super) fn partition_number(text: &str) -> Result<PartitionId, Problem> {
    text.parse().map_err(|_| invalid(format!("`{}` is no partition number", shown(text))))
}

/// A node id in the path.
///
/// # Errors
/// `INVALID_REQUEST`.
pub(super) fn node_id(text: &str) -> Result<NodeId, Problem> {
    text.parse().map_err(|_| invalid(format!("`{}` is no node id", shown(text))))
}

/// Splits `{id}:verb`, which the router can't.
pub(super) fn split_verb(segment: &str) -> (&str, Option<&str>) {
    match segment.rsplit_once(':') {
        Some((id, verb)) => (id, Some(verb)),
        None => (segment, None),
    }
}

/// No endpoint has this verb.
pub(super) fn unknown_verb(verb: Option<&str>, verbs: &[&str]) -> Problem {
    let detail = match verb {
        Some(verb) => format!("there is no `:{}` here", shown(verb)),
        None => "a verb is missing at the end of the path".to_owned(),
    };
    Problem::new(ErrorCode::NoSuchEndpoint, detail)
        .hint(format!("the verbs are {}", verbs.join(", ")))
}

/// A number of milliseconds, at most `max`.
///
/// # Errors
/// `INVALID_REQUEST`, naming the parameter.
pub(super) fn milliseconds(
    name: &str,
    given: Option<u64>,
    default: Duration,
    max: Duration,
) -> Result<Duration, Problem> {
    let Some(ms) = given else {
        return Ok(default);
    };
    let max_ms = max.as_millis();
    if u128::from(ms) > max_ms {
        return Err(invalid(format!("{name} is {ms}, at most {max_ms} are allowed")));
    }
    Ok(Duration::from_millis(ms))
}

/// A number that is at least 1; what is above `max` is cut to it.
///
/// # Errors
/// `INVALID_REQUEST`, naming the parameter.
pub(super) fn at_least_one(
    name: &str,
    given: Option<u64>,
    default: u64,
    max: u64,
) -> Result<u64, Problem> {
    match given {
        Some(0) => Err(invalid(format!("{name} is 0, at least 1 is needed"))),
        Some(number) => Ok(number.min(max)),
        None => Ok(default.min(max)),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        max_records: Option<u64>,
    }

    #[test]
    fn each_refusal_names_its_parameter() {
        let refused = |query: &str| {
            let uri: Uri = format!("/x?{query}").parse().unwrap();
            parse::<Sample>(&uri).unwrap_err().detail
        };
        assert!(refused("max_recods=1").contains("unknown field `max_recods`"));
        assert!(refused("max_records=abc").contains("max_records"));
        assert!(refused("max_records=1&max_records=2").contains("duplicate field"));
        let fine: Sample = parse(&"/x?max_records=3".parse().unwrap()).unwrap();
        assert_eq!(fine.max_records, Some(3));
    }

    #[test]
    fn verbs_are_split_from_the_right() {
        assert_eq!(split_verb("3:drain"), ("3", Some("drain")));
        assert_eq!(split_verb("3"), ("3", None));
        assert_eq!(split_verb(":drain"), ("", Some("drain")));
    }

    #[test]
    fn numbers_keep_their_bounds() {
        let second = Duration::from_secs(1);
        let given = |ms| milliseconds("wait_ms", ms, Duration::ZERO, second);
        assert_eq!(given(None).unwrap(), Duration::ZERO);
        assert_eq!(given(Some(1_000)).unwrap(), second);
        assert!(given(Some(1_001)).unwrap_err().detail.contains("wait_ms is 1001"));
        assert_eq!(at_least_one("n", Some(9), 5, 8).unwrap(), 8);
        assert!(at_least_one("n", Some(0), 5, 8).is_err());
    }
}
