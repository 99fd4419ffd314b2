//! The hubbub server, and what is done to its data while it does not run, or does.

use std::{io, path::Path, process::ExitCode};

use hubbub::{
    Hubbub, Listeners,
    config::{Cli, Command, Config},
    journal::{self, Copied, CopyError},
    lossy,
    reload::Reload,
    shutdown::Shutdown,
    telemetry,
};

use tokio::runtime::Runtime;

/// The exit status of a start that failed: the command line or the data cannot be used.
const EXIT_UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let Cli { config, command } = Cli::read();
    match command {
        None => match Runtime::new() {
            Ok(runtime) => {
                let code = runtime.block_on(serve(&config));
                // What still waits for a disk that does not answer is not waited for.
                runtime.shutdown_background();
                code
            }
            Err(why) => refuse(&format!("the runtime cannot be started: {why}")),
        },
        Some(Command::Backup { file }) => copied(&file, journal::backup(&config.data, &file)),
        Some(Command::Restore { copy }) => {
            copied(&config.data, journal::restore(&copy, &config.data))
        }
    }
}

async fn serve(config: &Config) -> ExitCode {
    match start(config).await {
        Ok(Started { hubbub, listeners, shutdown }) => {
            // The log has said what failed.
            let served = hubbub.serve(listeners, shutdown).await;
            lossy::flush();
            served.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        Err(why) => refuse(&why),
    }
}

struct Started {
    hubbub: Hubbub,
    listeners: Listeners,
    shutdown: Shutdown,
}

/// Telemetry, journal, listeners, signals. What fails here is one line on stderr, and leaves no file
/// behind.
async fn start(config: &Config) -> Result<Started, String> {
    let log = telemetry::init(&config.log, config.log_format)?;
    // First of the signals: this one never ends the process.
    let reload = Reload::new(vec![("log", Box::new(move || log.reload()))]);
    reload.on_signal().map_err(|why| signals(&why))?;
    let hubbub = Hubbub::open(config).await.map_err(|why| why.to_string())?;
    match listen(config, &reload) {
        Ok((listeners, shutdown)) => Ok(Started { hubbub, listeners, shutdown }),
        Err(why) => {
            hubbub.abandon();
            Err(why)
        }
    }
}

fn listen(config: &Config, reload: &Reload) -> Result<(Listeners, Shutdown), String> {
    let listeners = Listeners::bind(config)?;
    if let Some(files) = listeners.certificate() {
        let read = move || files.read().map(|()| true).map_err(|why| why.to_string());
        reload.add("certificate", Box::new(read));
    }
    if let Some(asking) = listeners.ask_authority() {
        let ask = move || {
            asking.notify_one();
            Ok(true)
        };
        reload.add("certificate", Box::new(ask));
    }
    let shutdown = Shutdown::new();
    shutdown.on_signal().map_err(|why| signals(&why))?;
    lossy::flush(); // What the start has to say comes before the line that it is over.
    let unsaid = |why| format!("--listen {}: {why}", config.listen);
    let mut said = String::new();
    for url in listeners.urls().map_err(unsaid)? {
        said += &format!("hubbub listening on {url}\n");
    }
    if let Some(url) = listeners.metrics_url().map_err(unsaid)? {
        said += &format!("hubbub metrics on {url}\n");
    }
    if let Some(url) = listeners.redirect_url().map_err(unsaid)? {
        said += &format!("hubbub redirecting from {url}\n");
    }
    lossy::say(io::stdout(), said);
    Ok((listeners, shutdown))
}

fn signals(why: &io::Error) -> String {
    format!("signals cannot be handled: {why}")
}

/// Says what a copy holds, or why there is none.
fn copied(file: &Path, copied: Result<Copied, CopyError>) -> ExitCode {
    match copied {
        Ok(Copied { totals, checked }) => {
            let (messages, rooms, ms) = (totals.messages, totals.rooms, checked.as_millis());
            let file = file.display();
            lossy::say(
                io::stdout(),
                format!(
                    "hubbub: {file} has {messages} messages in {rooms} rooms, checked in {ms} ms\n"
                ),
            );
            ExitCode::SUCCESS
        }
        Err(why) => refuse(&why.to_string()),
    }
}

fn refuse(why: &str) -> ExitCode {
    lossy::flush(); // What was logged before comes before.
    lossy::say(io::stderr(), format!("hubbub: {why}\n"));
    ExitCode::from(EXIT_UNUSABLE)
}
