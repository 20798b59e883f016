//! The lines that a server prints at its start: what to paste next.

use std::net::{Ipv4Addr, SocketAddr};

use crate::telemetry::log::EXPOSED;

/// How this machine reaches a listener.
fn reachable(listen: SocketAddr) -> String {
    match listen.ip().is_unspecified() {
        true => SocketAddr::from((Ipv4Addr::LOCALHOST, listen.port())).to_string(),
        false => listen.to_string(),
    }
}

/// Lines to copy and paste: create a topic, produce, fetch.
pub(super) fn lines(listen: SocketAddr) -> String {
    let url = format!("http://{}", reachable(listen));
    format!(
        "\n  \
         curl {url}/v1/topics -H 'content-type: application/json' -d '{{\"name\":\"hello\",\"partitions\":3}}'\n  \
         curl {url}/v1/topics/hello/records -H 'content-type: application/json' -d '{{\"records\":[{{\"key\":\"a\",\"value\":{{\"n\":1}}}}]}}'\n  \
         curl {url}/v1/topics/hello/records\n  \
         rampart -s {url} cluster status\n\n\
         The interface is described at {url}/docs\n"
    )
}

/// Says loudly that a listener without authentication can be reached from elsewhere.
pub(super) fn warn_beyond_loopback(listener: &'static str, listen: SocketAddr) {
    if !listen.ip().is_loopback() {
        tracing::warn!(
            target: EXPOSED,
            listener,
            %listen,
            "listening beyond loopback without authentication: whoever reaches this address may \
             read, write and delete everything"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_lines_name_an_address_that_can_be_reached() {
        let text = lines("0.0.0.0:8080".parse().unwrap());
        assert!(text.contains("curl http://127.0.0.1:8080/v1/topics "), "{text}");
        assert!(text.contains(r#"-d '{"name":"hello","partitions":3}'"#), "{text}");
    }
}
