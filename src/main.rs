//! The hubbub server.

use std::process::ExitCode;

use hubbub::{Hubbub, config::Config, server, shutdown::Shutdown, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::read();
    match run(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("hubbub: {why}");
            ExitCode::from(2)
        }
    }
}

/// Config, telemetry, journal, listener, serve. What fails here is one line on stderr.
async fn run(config: &Config) -> Result<(), String> {
    telemetry::init(&config.log)?;
    let hubbub = Hubbub::open(config).map_err(|why| why.to_string())?;
    let listen = |why| format!("--listen {}: {why}", config.listen);
    let listener = server::listen(config.listen).map_err(listen)?;
    let shutdown = Shutdown::new();
    shutdown.on_signal().map_err(|why| format!("signals cannot be handled: {why}"))?;
    println!("hubbub listening on http://{}", listener.local_addr().map_err(listen)?);
    hubbub.serve(listener, shutdown).await;
    Ok(())
}
