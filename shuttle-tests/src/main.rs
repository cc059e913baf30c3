//! Runs the compositions: see the library of this package.

fn main() -> std::process::ExitCode {
    shuttle_tests::run(std::env::args().skip(1))
}
