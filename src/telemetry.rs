//! Logs: to stderr, one line an event, never with a message's text or a cookie in it.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::{config::LogFormat, lossy};

/// Starts logging what `filter` lets through.
///
/// # Errors
///
/// The sentence that says what is wrong with the filter.
pub fn init(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|why| format!("--log {filter}: {why}"))?;
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| lossy::Stderr)
        .with_ansi(colours)
        // A line that cannot be written, as where stderr is a file on a full disk, is lost; word of
        // that could not be written either, and would panic in the middle of a request.
        .log_internal_errors(false);
    // One line like any other. What a panic says is left out: it may quote what somebody wrote.
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        tracing::error!(at, thread = thread.name().unwrap_or("unnamed"), "a panic");
    }));
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
