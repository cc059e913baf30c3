//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lazy_limiter::{Rate, TokenBucket};

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Replays an access log through a rate limit for each client, and tells whom it would have turned away.

Usage: replay [--capacity N] [--rate R] [--top K] [--json] [--svg CHART] [FILE]

  --capacity N   requests that a client may make at once [default: 5]
  --rate R       how fast they come back, such as 10/s, 300/min or 1/10s [default: 1/10s]
  --top K        how many of the most denied clients to list [default: 10]
  --json         print the figures as one JSON object, without that list
  --svg CHART    also draw a chart into this file: requests over time, and the most denied clients
  -h, --help     print this

FILE is an access log in the common or the combined format, or - for standard input. Without it, a small
synthetic log is replayed.
";

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Print the usage.
    Help,
    /// Replay a log.
    Replay(Options),
}

/// How to replay which log.
#[derive(Debug)]
pub(crate) struct Options {
    /// Each client's bucket when it is new.
    pub(crate) bucket: TokenBucket,
    /// What that bucket is, in words.
    pub(crate) limit: String,
    /// How many clients to list.
    pub(crate) top: usize,
    /// Whether to print JSON.
    pub(crate) json: bool,
    /// Where a chart is drawn, if one is asked for.
    pub(crate) svg: Option<PathBuf>,
    /// Where the log is.
    pub(crate) source: Source,
}

/// Where a log is read from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The log that comes with this example.
    Synthetic,
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Command {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with them.
    pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
        let (mut capacity, mut rate) = (String::from("5"), String::from("1/10s"));
        let (mut top, mut json, mut svg, mut source) = (10, false, None, None);
        let mut args = args.into_iter();
        let mut options_end = false;
        while let Some(arg) = args.next() {
            let text = arg.to_string_lossy();
            if options_end || text == "-" || !text.starts_with('-') {
                let new = if arg == "-" && !options_end { Source::Stdin } else { Source::File(arg.into()) };
                if source.replace(new).is_some() {
                    return Err("more than one file was given".into());
                }
                continue;
            }
            let (name, inline) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (&*text, None),
            };
            let mut value = || {
                let value = inline.clone().or_else(|| Some(args.next()?.to_string_lossy().into_owned()));
                value.ok_or_else(|| format!("{name} needs a value"))
            };
            match name {
                "--capacity" => capacity = value()?,
                "--rate" => rate = value()?,
                "--top" => {
                    let value = value()?;
                    top = value.parse().map_err(|_| format!("--top {value}: it must be a whole number"))?;
                }
                "--json" | "--help" | "-h" | "--" if inline.is_some() => {
                    return Err(format!("{name} takes no value"));
                }
                "--json" => json = true,
                "--svg" => svg = Some(value()?.into()),
                "--help" | "-h" => return Ok(Command::Help),
                "--" => options_end = true,
                _ => return Err(format!("unknown option {name}")),
            }
        }
        Ok(Command::Replay(Options {
            bucket: bucket(&capacity, &rate)?,
            limit: format!("{capacity} at once, then {rate}"),
            top,
            json,
            svg,
            source: source.unwrap_or(Source::Synthetic),
        }))
    }
}

fn bucket(capacity: &str, rate: &str) -> Result<TokenBucket, String> {
    let tokens: f64 =
        capacity.parse().map_err(|_| format!("--capacity {capacity}: it must be a number above zero"))?;
    let refill: Rate = rate.parse().map_err(|error| format!("--rate: {error}"))?;
    let bucket = TokenBucket::try_new(tokens, refill)
        .map_err(|error| format!("--capacity {capacity} --rate {rate}: {error}"))?;
    match tokens < 1.0 {
        true => Err(format!("--capacity {capacity}: a request takes 1, so all would be refused")),
        false => Ok(bucket),
    }
}
