//! The bodies of the fuzz targets (`fuzz/`), over the inputs that are kept: what fuzzing needs a nightly compiler for,
//! without its search.

#[path = "../fuzz/bodies/access_log.rs"]
mod access_log;
#[path = "../fuzz/bodies/bucket.rs"]
mod bucket;
#[path = "../fuzz/bodies/rate_text.rs"]
mod rate_text;

use std::fs;
use std::path::Path;

/// Runs all inputs of `target`, and every beginning of each, which is an input too.
fn corpus(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let Ok(files) = fs::read_dir(&folder) else {
        println!("no {}: nothing was run", folder.display());
        return;
    };
    let inputs: Vec<_> = files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(inputs.len() > 3, "{} inputs for {target}", inputs.len());
    let stride = if cfg!(miri) { 100 } else { 1 };
    for input in inputs {
        (0..=input.len()).rev().step_by(stride).for_each(|end| run(&input[..end]));
    }
}

#[test]
fn buckets() {
    corpus("bucket", bucket::run);
}

#[test]
fn rates_as_text() {
    corpus("rate_text", rate_text::run);
}

#[test]
fn access_logs() {
    corpus("access_log", access_log::run);
}
