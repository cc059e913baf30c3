//! A web server with limits of all sorts: refusing and waiting, per client and for all, for tasks and for threads.
//!
//! ```sh
//! cargo run --release --features tower --example server
//! curl -i http://127.0.0.1:8080/
//! ```
//!
//! - `/` is limited for each client, and for all together: what is too much is refused with 429;
//! - `/slow` also makes its callers wait in line, as long as they have patience;
//! - `/job/{n}` is worked off by a pool of threads, which share a limit of their own;
//! - `/metrics` tells Prometheus about all of it.

mod app;
mod jobs;
mod metrics;
mod options;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use options::{Command, Options, USAGE};
use tokio::net::TcpListener;

fn main() -> ExitCode {
    match Command::read(std::env::args_os().skip(1)) {
        Ok(Command::Help) => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(Command::Serve(options)) => match serve(options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("server: {error}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprintln!("server: {error}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

#[tokio::main]
async fn serve(options: Options) -> std::io::Result<()> {
    let limits = app::Limits::new(&options);
    let pool = jobs::Pool::start(options.workers, limits.jobs.clone())?;
    let app = app::router(&options, &limits, pool);
    let listener = TcpListener::bind(options.listen).await?;
    // Flushed: whoever started us on port 0 wants to know.
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;

    let shutdown = async move {
        // Where the signal cannot be heard, we serve until we are killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        // Whoever waits in line is told so at once, and nobody else is let in.
        limits.close();
    };
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(shutdown)
        .await
}
