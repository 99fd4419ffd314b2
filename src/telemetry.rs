//! Logs: to stderr, one line an event, never with a message's text or a cookie in it.

use std::{fs, io::IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt, reload};

use crate::{config::LogFormat, lossy};

/// The log that was started.
pub struct Log {
    filter: String,
    replace: Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send>,
}

impl Log {
    /// Reads the filter's file again; answers whether there is one.
    ///
    /// # Errors
    ///
    /// The sentence that says what is wrong with it. The filter then is what it was.
    pub fn reload(&self) -> Result<bool, String> {
        if !self.filter.starts_with(FROM_FILE) {
            return Ok(false);
        }
        (self.replace)(read(&self.filter)?).map_err(|why| why.to_string())?;
        Ok(true)
    }
}

/// What a filter begins with that is the name of a file.
const FROM_FILE: char = '@';

/// Starts logging what `filter` lets through; or, where it is `@` and the name of a file, what the
/// filter in there does.
///
/// # Errors
///
/// The sentence that says what is wrong with the filter.
pub fn init(filter: &str, format: LogFormat) -> Result<Log, String> {
    let read = read(filter)?;
    let colours = std::io::stderr().is_terminal();
    let lines = fmt()
        .with_env_filter(read)
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
    let replace: Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send> = match format {
        LogFormat::Text => {
            let lines = lines.with_filter_reloading();
            let handle = lines.reload_handle();
            lines.init();
            Box::new(move |filter| handle.reload(filter))
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_filter_reloading();
            let handle = lines.reload_handle();
            lines.init();
            Box::new(move |filter| handle.reload(filter))
        }
    };
    Ok(Log { filter: filter.to_owned(), replace })
}

fn read(filter: &str) -> Result<EnvFilter, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("--log {filter}: {why}");
    let directives = match filter.strip_prefix(FROM_FILE) {
        Some(file) => fs::read_to_string(file).map_err(|why| wrong(&why))?,
        None => filter.to_owned(),
    };
    let directives = directives.trim();
    // It would be taken for the name of a part that does not exist, and nothing would be logged.
    if directives
        .split(',')
        .any(|one| !one.contains('[') && one.trim().contains(char::is_whitespace))
    {
        return Err(wrong(&"commas part what is to be logged, and no spaces; try hubbub=info"));
    }
    EnvFilter::try_new(directives).map_err(|why| wrong(&why))
}
