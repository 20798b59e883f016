//! Log lines on standard error: text on a terminal, one JSON object a line otherwise, or as the
//! configuration says. Called once, by the command line.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// openraft tells its own story at `info`, once per group; ours is told at the same level. That a
/// core has stopped is told by its owner, who knows whether that was meant.
const QUIET_MODULES: [&str; 3] = ["openraft=error", "openraft::raft=off", "tower_http=warn"];

/// Target of what an operator must see whatever the level is.
pub const EXPOSED: &str = "rampart_exposed";

/// Sends this process's log lines to standard error. Does nothing if something already collects
/// them, as a test harness may.
pub fn start(config: &LogConfig) {
    // A line that can't be written, to a full disk perhaps, is lost; saying so would panic.
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter(config))
        .log_internal_errors(false);
    let started = match is_text(config.format, std::io::stderr().is_terminal()) {
        true => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        false => builder.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("log lines are collected already");
    }
}

fn filter(config: &LogConfig) -> EnvFilter {
    let mut filter = EnvFilter::new(&config.level);
    for module in QUIET_MODULES {
        let name = module.split('=').next().unwrap_or(module);
        if !config.level.contains(name) {
            filter = filter.add_directive(module.parse().expect("a directive of our own"));
        }
    }
    let always = format!("{EXPOSED}=warn");
    filter.add_directive(always.parse().expect("a directive of our own"))
}

fn is_text(format: LogFormat, is_terminal: bool) -> bool {
    match format {
        LogFormat::Auto => is_terminal,
        LogFormat::Json => false,
        LogFormat::Text => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_follows_the_terminal_unless_told() {
        assert!(is_text(LogFormat::Auto, true));
        assert!(!is_text(LogFormat::Auto, false));
        assert!(is_text(LogFormat::Text, false));
        assert!(!is_text(LogFormat::Json, true));
    }

    #[test]
    fn no_level_hides_that_a_listener_is_exposed() {
        use tracing_subscriber::layer::SubscriberExt;

        for level in ["error", "off", "error,rampart_node=debug"] {
            let config = LogConfig { level: level.to_owned(), ..LogConfig::default() };
            let subscriber = tracing_subscriber::registry().with(filter(&config));
            let is_shown = tracing::subscriber::with_default(
                subscriber,
                || tracing::enabled!(target: EXPOSED, tracing::Level::WARN),
            );
            assert!(is_shown, "{level}");
        }
    }

    #[test]
    fn noisy_modules_are_quiet_unless_named() {
        let level = |level: &str| LogConfig { level: level.to_owned(), ..LogConfig::default() };
        assert!(filter(&level("info")).to_string().contains("openraft=error"));
        assert!(!filter(&level("info,openraft=debug")).to_string().contains("openraft=error"));
    }
}
