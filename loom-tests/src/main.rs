//! Runs the models: see the library of this package.

#[cfg(loom)]
fn main() -> std::process::ExitCode {
    loom_tests::run(std::env::args().skip(1))
}

#[cfg(not(loom))]
fn main() {
    println!("loom-tests: no model was run, for want of loom's types. Run them by");
    println!("    RUSTFLAGS='--cfg loom --cfg crossbeam_loom' cargo test -p loom-tests --release");
}
