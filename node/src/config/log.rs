//! `[log]`: what the process says about itself.

use super::section::section;
use super::value::{Given, Value};

section! {
    /// What the process says about itself, on standard error.
    LogConfig = "log" {
        /// `error`, `warn`, `info`, `debug` or `trace`, or a list of them by module, such as
        /// "info,rampart_node::raft=debug".
        level: String = "info".to_owned(), |v| filter(v);
        /// `text` for people, `json` for machines, `auto`: text on a terminal, json otherwise.
        format: LogFormat = LogFormat::Auto, super::value::any;
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Value for LogFormat {
    fn read(given: &Given) -> Result<Self, String> {
        match String::read(given).unwrap_or_default().as_str() {
            "auto" => Ok(LogFormat::Auto),
            "json" => Ok(LogFormat::Json),
            "text" => Ok(LogFormat::Text),
            _ => Err("auto, json or text".to_owned()),
        }
    }

    fn show(&self) -> String {
        match self {
            LogFormat::Auto => "\"auto\"".to_owned(),
            LogFormat::Json => "\"json\"".to_owned(),
            LogFormat::Text => "\"text\"".to_owned(),
        }
    }
}

fn filter(text: &str) -> Result<(), String> {
    let parsed = tracing_subscriber::EnvFilter::builder().parse(text);
    parsed.map(drop).map_err(|_| {
        "error, warn, info, debug or trace, or such as \"info,rampart_node::raft=debug\"".to_owned()
    })
}
