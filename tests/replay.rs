//! The replay example as a program: what it prints, where, and how it ends.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// The example's binary. `cargo test` builds it or not, depending on how it is called: so see to it.
static REPLAY: LazyLock<PathBuf> = LazyLock::new(|| {
    // This test is <target>/<profile>/deps/replay-<hash>.
    let this = env::current_exe().expect("a test knows where it is");
    let profile = this.ancestors().nth(2).expect("a test is in deps/");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--example", "replay", "--manifest-path"]);
    build.arg(manifest_dir().join("Cargo.toml"));
    build.arg("--target-dir").arg(profile.parent().expect("a profile is in a target directory"));
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let built = build.output().expect("cargo runs");
    assert!(built.status.success(), "{}", text(&built.stderr));
    profile.join("examples").join(format!("replay{}", env::consts::EXE_SUFFIX))
});

fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn synthetic() -> PathBuf {
    manifest_dir().join("examples/replay/synthetic.log")
}

/// Runs it with some arguments, and something on its standard input.
fn replay(args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(&*REPLAY);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the example runs");
    // It may well end without having read this.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    child.wait_with_output().expect("the example ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The figures of a run that must succeed, in order: requests, keys, allowed, denied. What else must hold of
/// any figures is checked on the way.
fn figures(output: &Output) -> [u64; 4] {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).expect("exactly one JSON value");
    let object = json.as_object().expect("an object");
    assert_eq!(object.len(), 5, "{json}");
    let figure = |name: &str| object[name].as_u64().expect(name);
    let [requests, keys, allowed, denied] = ["requests", "keys", "allowed", "denied"].map(figure);
    assert_eq!(allowed + denied, requests);
    assert!((1..=keys).contains(&figure("peak_buckets")), "{json}");
    [requests, keys, allowed, denied]
}

/// The expected figures are those of a model in exact fractions, written separately.
#[test]
fn the_synthetic_log_has_known_figures_and_says_what_it_is() {
    let json = replay(&["--json"], b"");
    assert_eq!(figures(&json), [300, 24, 233, 67]);
    assert!(text(&json.stderr).contains("synthetic"));
    let strict = replay(&["--json", "--capacity", "1", "--rate", "1 per minute"], b"");
    assert_eq!(figures(&strict), [300, 24, 71, 229]);
    let generous = replay(&["--json", "--capacity=20", "--rate=1/s"], b"");
    assert_eq!(figures(&generous), [300, 24, 300, 0]);

    let table = replay(&[], b"");
    assert!(table.status.success());
    assert!(table.stderr.is_empty(), "{}", text(&table.stderr));
    let table = text(&table.stdout);
    assert!(table.contains("synthetic"), "{table}");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [
        &["requests", "300"][..],
        &["allowed", "233", "77.7%"],
        &["denied", "67", "22.3%"],
        &["scraper.example.com", "33", "127", "26.0%"],
        &["2001:db8::bad:1", "24", "44", "54.5%"],
        &["203.0.113.9", "10", "46", "21.7%"],
    ] {
        assert!(rows.iter().any(|found| found == row), "{row:?} is not in\n{table}");
    }
}

#[test]
fn the_most_denied_clients_are_as_many_as_asked_for() {
    let listed = |top| {
        let table = text(&replay(&["--top", top], b"").stdout);
        ["scraper.example.com", "2001:db8::bad:1", "203.0.113.9"].map(|client| table.contains(client))
    };
    assert_eq!(listed("0"), [false, false, false]);
    assert_eq!(listed("2"), [true, true, false]);
    assert_eq!(listed("99999"), [true, true, true]);
}

#[test]
fn a_file_and_standard_input_are_the_same() {
    let path = synthetic();
    let file = replay(&["--json", path.to_str().expect("a path in UTF-8")], b"");
    let bytes = fs::read(&path).expect("the synthetic log is there");
    let stdin = replay(&["--json", "-"], &bytes);
    assert_eq!(figures(&file), [300, 24, 233, 67]);
    assert_eq!(file.stdout, stdin.stdout);
    assert!(file.stderr.is_empty() && stdin.stderr.is_empty());
}

#[test]
fn a_log_is_replayed_in_the_order_of_time() {
    let line = |time| format!("a - - [17/May/2015:{time}] \"GET /\" 200 1\n");
    // In order: at 10:00:00, :01 and :10, of which the second is too early for a bucket of one.
    let log = line("12:00:10 +0200") + &line("10:00:00 +0000") + &line("09:00:01 -0100");
    let output = replay(&["--json", "--capacity", "1", "--rate", "1/10s", "-"], log.as_bytes());
    assert_eq!(figures(&output), [3, 1, 2, 1]);
}

#[test]
fn lines_that_are_no_requests_are_reported_and_skipped() {
    let mut log = fs::read(synthetic()).expect("the synthetic log is there");
    log.extend(b"\xff\xfe\0garbage\n\n192.0.2.1 - - [32/May/2015:10:05:03 +0000] \"GET /\" 200 1\n");
    let output = replay(&["--json", "-"], &log);
    assert_eq!(figures(&output), [300, 24, 233, 67]);
    let said = text(&output.stderr);
    assert!(said.contains("skipped 2 lines of standard input, the first is line 301: "), "{said}");
}

#[test]
fn nothing_but_garbage_is_a_failure() {
    let noise: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (input, said) in
        [(&b""[..], "has no request in it"), (b"\n\n", "has no request"), (&noise, "skipped")]
    {
        let output = replay(&["-"], input);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
    let missing = replay(&["there/is/no/such.log"], b"");
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("cannot read there/is/no/such.log"));
}

#[test]
fn a_wrong_command_line_is_told_what_is_wrong() {
    for (args, wrong) in [
        (
            &["--rate", "10/fortnight"][..],
            r#"--rate: invalid rate "10/fortnight": unknown unit "fortnight" at byte 3"#,
        ),
        (&["--capacity", "x"], "--capacity x: it must be a number above zero"),
        (&["--capacity", "-1"], "--capacity -1 --rate 1/10s: invalid capacity"),
        (&["--capacity", "NaN"], "invalid capacity"),
        (&["--capacity", "0.5"], "--capacity 0.5: a request takes 1"),
        (&["--capacity", "1e300"], "invalid capacity: it must be at most"),
        (&["--capacity", "1e12", "--rate", "1/d"], "filling up would take more than a hundred years"),
        (&["--top", "-1"], "--top -1: it must be a whole number"),
        (&["--top"], "--top needs a value"),
        (&["--json=yes"], "--json takes no value"),
        (&["--jsn"], "unknown option --jsn"),
        (&["a.log", "b.log"], "more than one file"),
    ] {
        let output = replay(args, b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(wrong), "{args:?}: {said}");
        assert!(output.stdout.is_empty());
    }
    let help = replay(&["--help"], b"");
    assert!(help.status.success() && text(&help.stdout).contains("Usage: replay"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut command = Command::new(&*REPLAY);
    command.arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the example runs");
    // It prints only once it has read everything, and by then nobody listens.
    drop(child.stdout.take());
    let log = fs::read(synthetic()).expect("the synthetic log is there");
    child.stdin.take().expect("a pipe").write_all(&log).expect("it reads");
    let output = child.wait_with_output().expect("the example ends");
    assert!(output.status.success(), "{:?}: {}", output.status, text(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn a_real_log_has_known_figures() {
    let path = manifest_dir().join("../shared/data/apache_access.log");
    if !path.exists() {
        println!("skipped, for want of {}", path.display());
        return;
    }
    let path = path.to_str().expect("a path in UTF-8");
    let output = replay(&["--capacity", "5", "--rate", "1/10s", "--json", path], b"");
    assert_eq!(figures(&output), [10_000, 1753, 8233, 1767]);
    let strict = replay(&["--capacity", "2", "--rate", "1/min", "--json", path], b"");
    assert_eq!(figures(&strict), [10_000, 1753, 4497, 5503]);
}

#[test]
fn a_chart_shows_who_was_denied_and_when() {
    let path = env::temp_dir().join(format!("replay-{}.svg", std::process::id()));
    let draw = |args: &[&str], log: &[u8]| {
        let output = replay(&[args, &["--svg", path.to_str().expect("a path in UTF-8")]].concat(), log);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let svg = fs::read_to_string(&path).expect("a chart was drawn");
        fs::remove_file(&path).expect("it can be removed");
        (output, svg)
    };
    let (output, svg) = draw(&["--top", "2"], b"");
    assert_eq!(output.stdout, replay(&["--top", "2"], b"").stdout, "the chart is besides");
    for words in
        ["33 of 127 denied", "scraper.example.com", "2001:db8::bad:1", "allowed", "5 at once, then 1/10s"]
    {
        assert!(svg.contains(words), "{words}");
    }
    assert!(!svg.contains("203.0.113.9"), "two were to be listed");

    // A leap day, a client that is no address, and a single second.
    let line = "<&\"> - - [29/Feb/2024:23:59:59 +0000] \"GET /\" 200 1\n";
    let (_, svg) = draw(&["--capacity", "1", "-"], line.repeat(3).as_bytes());
    assert!(svg.contains("29 February") && svg.contains("23:59:59"), "{svg}");
    assert!(svg.contains("2 of 3 denied") && !svg.contains("<&"), "{svg}");
    // As many elements are closed as are opened.
    let count = |what: &str| svg.matches(what).count();
    assert_eq!(count("<") - count("</") - count("<?"), count("/>") + count("</"), "{svg}");

    let nowhere = replay(&["--svg", "there/is/no/such/folder.svg"], b"");
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(text(&nowhere.stderr).contains("cannot draw there/is/no/such/folder.svg"));
}
