//! Where the data is, and the tally of what was done with it.

use std::io::Write;
use std::path::PathBuf;

use lazy_limiter::InvalidPolicy;

use super::json::Fields;
use super::scenario::{self, Scenario};

/// Names another directory than the one beside this repository.
const VARIABLE: &str = "LAZY_LIMITER_CONFORMANCE";
const BESIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/conformance");

/// What became of one scenario.
pub(crate) enum Ran {
    Replayed,
    /// The library would not make such a limiter.
    Refused(InvalidPolicy),
    /// It cannot be asked in this way.
    Inapplicable,
}

/// The directory, if there is one here.
pub(crate) fn directory() -> Option<PathBuf> {
    match std::env::var_os(VARIABLE) {
        // Who names a directory wants it read.
        Some(named) => Some(named.into()),
        None => Some(PathBuf::from(BESIDE)).filter(|beside| beside.exists()),
    }
}

/// Does `run` with every scenario of `file`, says what came of it, and panics if any failed.
pub(crate) fn with_each<B>(
    file: &str,
    how: &str,
    body: fn(&mut Fields) -> Result<B, String>,
    run: impl Fn(&Scenario<B>) -> Result<Ran, String>,
) {
    let Some(directory) = directory() else {
        return say(&format!("{file}, {how}: SKIPPED, there is no {BESIDE} and {VARIABLE} is not set"));
    };
    let path = directory.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let scenarios = scenario::file(&text, body).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(!scenarios.is_empty(), "{file}: no scenarios");
    let (mut replayed, mut refused, mut inapplicable, mut failures) = (0, 0, 0, Vec::new());
    for scenario in &scenarios {
        match run(scenario) {
            Ok(Ran::Replayed) => replayed += 1,
            Ok(Ran::Inapplicable) => inapplicable += 1,
            Ok(Ran::Refused(_)) if scenario.may_be_refused => refused += 1,
            Ok(Ran::Refused(fault)) => failures.push(format!("{}: {fault}", scenario.name)),
            Err(error) => failures.push(format!("{}: {error}", scenario.name)),
        }
    }
    say(&format!(
        "{file}, {how}: {} scenarios, {replayed} replayed, {refused} policies refused (as they may be), \
         {inapplicable} inapplicable, {} failed",
        scenarios.len(),
        failures.len(),
    ));
    assert!(failures.is_empty(), "{file}, {how}:\n{}", failures.join("\n"));
    assert!(replayed > 0, "{file}, {how}: nothing was replayed");
}

/// Past the capture of test output: what ran is to be seen also when all is well.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "conformance: {line}");
}
