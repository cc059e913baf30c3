//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use lazy_limiter::tower::Network;
use lazy_limiter::{Rate, TokenBucket};

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
A web server with limits.

Usage: server [--listen ADDRESS] [--client LIMIT] [--everyone LIMIT] [--slow LIMIT] [--patience SECONDS]
              [--jobs LIMIT] [--workers N] [--trust NETWORK]...

  --listen ADDRESS   where to listen [default: 127.0.0.1:8080]
  --client LIMIT     requests of each client [default: 20,5/s]
  --everyone LIMIT   requests of all clients together [default: 10000,5000/s]
  --slow LIMIT       requests to /slow, which wait [default: 1,2/s]
  --patience SECONDS how long they wait [default: 10]
  --jobs LIMIT       jobs of the pool of threads, which wait [default: 10,100/s]
  --workers N        threads in that pool [default: 4]
  --trust NETWORK    proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8; may be repeated
  -h, --help         print this

A LIMIT is how many at once, and how fast they come back: 20,5/s or 100,300/min or 5,1/10s.
";

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Print the usage.
    Help,
    /// Serve.
    Serve(Options),
}

/// How to serve.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) client: TokenBucket,
    pub(crate) everyone: TokenBucket,
    pub(crate) slow: TokenBucket,
    pub(crate) patience: Duration,
    pub(crate) jobs: TokenBucket,
    pub(crate) workers: usize,
    pub(crate) trust: Vec<Network>,
}

impl Command {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    ///
    /// What is wrong with them, in words.
    pub(crate) fn read(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
        let mut options = Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            client: limit("20,5/s")?,
            everyone: limit("10000,5000/s")?,
            slow: limit("1,2/s")?,
            patience: Duration::from_secs(10),
            jobs: limit("10,100/s")?,
            workers: 4,
            trust: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let name = argument.to_string_lossy().into_owned();
            let mut value = || {
                let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
                value.into_string().map_err(|value| format!("{name} {value:?}: not UTF-8"))
            };
            let fault = |error: &dyn std::fmt::Display| format!("{name}: {error}");
            match &*name {
                "-h" | "--help" => return Ok(Command::Help),
                "--listen" => options.listen = value()?.parse().map_err(|error| fault(&error))?,
                "--client" => options.client = limit(&value()?).map_err(|error| fault(&error))?,
                "--everyone" => options.everyone = limit(&value()?).map_err(|error| fault(&error))?,
                "--slow" => options.slow = limit(&value()?).map_err(|error| fault(&error))?,
                "--patience" => {
                    options.patience = Duration::from_secs(value()?.parse().map_err(|error| fault(&error))?);
                }
                "--jobs" => options.jobs = limit(&value()?).map_err(|error| fault(&error))?,
                "--workers" => options.workers = value()?.parse().map_err(|error| fault(&error))?,
                "--trust" => options.trust.push(value()?.parse().map_err(|error| fault(&error))?),
                _ => return Err(format!("unknown argument: {name}")),
            }
        }
        Ok(Command::Serve(options))
    }
}

/// `20,5/s`: twenty at once, five a second.
fn limit(text: &str) -> Result<TokenBucket, String> {
    let (capacity, rate) = text.split_once(',').ok_or("a limit is written like 20,5/s")?;
    let capacity: u64 = capacity.trim().parse().map_err(|error| format!("{capacity:?}: {error}"))?;
    let rate: Rate = rate.trim().parse().map_err(|error| format!("{rate:?}: {error}"))?;
    TokenBucket::try_new(capacity, rate).map_err(|error| error.to_string())
}
