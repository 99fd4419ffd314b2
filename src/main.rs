//! The hubbub server.

use std::process::ExitCode;

use hubbub::{Hubbub, config::Config, lossy, server, shutdown::Shutdown, telemetry};

use tokio::net::TcpListener;

/// The exit status of a start that failed: the command line or the data cannot be used.
const EXIT_UNUSABLE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::read();
    let (hubbub, listener, admin, shutdown) = match start(&config) {
        Ok(started) => started,
        Err(why) => {
            lossy::flush(); // What was logged before comes before.
            eprintln!("hubbub: {why}");
            return ExitCode::from(EXIT_UNUSABLE);
        }
    };
    // The log has said what failed.
    let served = hubbub.serve(listener, admin, shutdown).await;
    lossy::flush();
    served.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

type Started = (Hubbub, TcpListener, Option<TcpListener>, Shutdown);

/// Telemetry, journal, listeners, signals. What fails here is one line on stderr.
fn start(config: &Config) -> Result<Started, String> {
    telemetry::init(&config.log, config.log_format)?;
    let hubbub = Hubbub::open(config).map_err(|why| why.to_string())?;
    let listen = |why| format!("--listen {}: {why}", config.listen);
    let listener = server::bind(config.listen).map_err(listen)?;
    let admin = config.admin.0.map(server::bind).transpose();
    let admin = admin.map_err(|why| format!("--admin: {why}"))?;
    let shutdown = Shutdown::new();
    shutdown.on_signal().map_err(|why| format!("signals cannot be handled: {why}"))?;
    lossy::flush(); // What the start has to say comes before the line that it is over.
    println!("hubbub listening on http://{}", listener.local_addr().map_err(listen)?);
    if let Some(admin) = &admin {
        println!("hubbub metrics on http://{}/metrics", admin.local_addr().map_err(listen)?);
    }
    Ok((hubbub, listener, admin, shutdown))
}
