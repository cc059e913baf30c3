//! The kernel reaches atomics and locks through one door, `sync.rs`, or the models of `loom-tests` would check
//! nothing: they compile its files against another door.

use std::fs;
use std::path::Path;

/// Names that lead to a primitive past the door, whatever path they are part of.
const BARRED: [&str; 7] =
    ["std", "parking_lot", "loom", "crossbeam_epoch", "crossbeam_utils", "crossbeam_queue", "papaya"];

/// The lines of `source` that go past the door.
fn trespasses(source: &str) -> Vec<String> {
    let comment = |line: &str| line.find("//").unwrap_or(line.len());
    let code = source.lines().enumerate().map(|(at, line)| (at + 1, &line[..comment(line)]));
    code.filter(|(_, line)| is_barred(line)).map(|(at, line)| format!("{at}: {}", line.trim())).collect()
}

fn is_barred(line: &str) -> bool {
    // `sync` is the door itself, or part of `core::sync` and `alloc::sync`, also as `core::{sync::..}`.
    let rest = line.replace("super::sync", "").replace("mod sync;", "");
    let mut words = rest.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| word == "sync" || BARRED.contains(&word))
}

#[test]
fn no_kernel_file_goes_past_the_door() {
    let kernel = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernel");
    let mut looked_at = 0;
    for entry in fs::read_dir(&kernel).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(path.extension().unwrap(), "rs", "a folder would have to be looked into: {path:?}");
        if path.file_name().unwrap() == "sync.rs" {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        assert_eq!(trespasses(&source), [""; 0], "{path:?}");
        assert!(!source.contains("/*"), "this test knows no block comments: {path:?}");
        looked_at += 1;
    }
    assert!(looked_at >= 8, "{looked_at} files: where has the kernel gone?");
}

#[test]
fn whoever_goes_past_it_is_found() {
    for past in [
        "use std::sync::Arc;",
        "let cell = ::std::cell::UnsafeCell::new(0);",
        "use core::sync::atomic::AtomicU64;",
        "use core::{mem, sync::atomic};",
        "use alloc::sync::Arc;",
        "use parking_lot::Mutex;",
        "let line = loom::sync::Mutex::new(0);",
        "use crossbeam_epoch as epoch;",
        "use super::sync::Ordering; use core::sync::atomic::AtomicBool;",
    ] {
        assert_eq!(trespasses(past).len(), 1, "{past}");
    }
    for within in [
        "use super::sync::{AtomicU64, Ordering};",
        "use super::sync::epoch::{self, Atomic};",
        "pub(crate) mod sync;",
        "fn f() {} // like std::sync::Mutex",
        "//! As in `std::sync`.",
        "impl<S: Sync> Send for Packed<S> {}",
        "async fn standing() {}",
    ] {
        assert_eq!(trespasses(within), [""; 0], "{within}");
    }
}
