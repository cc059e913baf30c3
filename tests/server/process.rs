//! The server as a process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;

/// The example's binary. `cargo test` builds it or not, depending on how it is called: so see to it.
static SERVER: LazyLock<PathBuf> = LazyLock::new(|| {
    // This test is <target>/<profile>/deps/server-<hash>.
    let this = std::env::current_exe().expect("a test knows where it is");
    let profile = this.ancestors().nth(2).expect("a test is in deps/");
    let mut build = Command::new(env!("CARGO"));
    // As the test itself was built, so that there is nothing left to do where it was built along with it.
    let profile_name = if profile.ends_with("release") { "bench" } else { "test" };
    build.args([
        "build",
        "--quiet",
        "--example",
        "server",
        "--profile",
        profile_name,
        "--features",
        &features(),
    ]);
    build.arg("--manifest-path").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    build.arg("--target-dir").arg(profile.parent().expect("a profile is in a target directory"));
    let built = build.output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    profile.join("examples").join("server")
});

fn features() -> String {
    let mut features = vec!["tower"];
    features.extend(cfg!(feature = "tokio").then_some("tokio"));
    features.extend(cfg!(feature = "testing").then_some("testing"));
    features.join(",")
}

/// A running server. It is killed when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts it on a port of its own choice.
    pub(super) fn start(arguments: &[&str]) -> Server {
        let mut command = Command::new(&*SERVER);
        command.args(["--listen", "127.0.0.1:0"]).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the example runs");
        let mut line = String::new();
        let output = child.stdout.take().expect("a piped output");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on http://").map(|address| address.parse());
        match address {
            Some(Ok(address)) => Server { child, address },
            _ => panic!("the server said {line:?}"),
        }
    }

    /// Interrupts it, as Ctrl-C does.
    pub(super) fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for its end.
    pub(super) fn end(mut self) -> ExitStatus {
        self.child.wait().expect("a child can be waited for")
    }

    /// Its resident memory, in KiB.
    #[cfg(target_os = "linux")]
    pub(super) fn resident(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its resident memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
