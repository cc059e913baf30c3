//! The few arguments that all binaries share.

/// What was asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// Everything once, briefly: does it run?
    pub smoke: bool,
    /// Be this contender: set by the parent process.
    pub contender: Option<String>,
    /// How many keys (or tasks), where that can be chosen.
    pub count: Option<u64>,
}

impl Args {
    /// Reads the command line; ends the process with a hint if it makes no sense.
    pub fn parse() -> Args {
        let mut args = Args::default();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--smoke" => args.smoke = true,
                "--contender" => args.contender = words.next(),
                "--count" => args.count = words.next().and_then(|n| n.replace('_', "").parse().ok()),
                other => {
                    eprintln!("unknown argument {other}; there are --smoke, --count N, --contender NAME");
                    std::process::exit(2);
                }
            }
        }
        args
    }

    /// The count asked for, or this one; a small share of it in a smoke run.
    pub fn count_or(&self, full: u64, smoke: u64) -> u64 {
        self.count.unwrap_or(if self.smoke { smoke } else { full })
    }

    /// These arguments again, for a child that is to be `contender`.
    pub fn for_child(&self, contender: &str) -> Vec<String> {
        let mut words = vec!["--contender".into(), contender.into()];
        if self.smoke {
            words.push("--smoke".into());
        }
        if let Some(count) = self.count {
            words.extend(["--count".into(), count.to_string()]);
        }
        words
    }
}
