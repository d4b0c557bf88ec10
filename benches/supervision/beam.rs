//! OTP's supervisors on the BEAM: `beam.erl`, compiled to a temporary folder and run for each
//! measurement in a virtual machine of its own.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, exit};
use tempfile::TempDir;

/// The compiled peer.
pub(crate) struct Beam {
    folder: TempDir,
}

impl Beam {
    /// Compiles it, or ends the program when there is no Erlang.
    pub(crate) fn compile() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/supervision/beam.erl");
        let mut command = Command::new("erlc");
        command.arg("-Werror").arg("-o").arg(folder.path());
        run(command.arg(Path::new(source)));
        Self { folder }
    }

    /// Which it is.
    pub(crate) fn about(&self) -> String {
        let line = &self.run("about", &[])[0];
        format!("OTP {}, {} schedulers", line["otp"], line["schedulers"])
    }

    /// Runs a measurement; each is a line of JSON.
    pub(crate) fn run(&self, section: &str, arguments: &[usize]) -> Vec<Value> {
        let mut command = Command::new("erl");
        command.args(["-noshell", "-noinput", "-pa"]);
        command.arg(self.folder.path());
        command.args(["-run", "beam", "main", section]);
        command.args(arguments.iter().map(usize::to_string));
        let output = run(&mut command);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// Runs a measurement that has one figure.
    pub(crate) fn figure(&self, section: &str, arguments: &[usize], name: &str) -> f64 {
        number(&self.run(section, arguments)[0], name)
    }
}

/// A figure of a line.
pub(crate) fn number(line: &Value, name: &str) -> f64 {
    line[name].as_f64().expect("a figure")
}

fn run(command: &mut Command) -> Output {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| {
        eprintln!("cannot run `{program}`: {error}");
        eprintln!("the peer is Erlang/OTP: `apt-get install erlang-base` installs it");
        exit(2);
    });
    if !output.status.success() {
        let (said, failed) = (&output.stdout, &output.stderr);
        eprintln!("{}", String::from_utf8_lossy(said));
        eprintln!("{}", String::from_utf8_lossy(failed));
        panic!("`{program}` failed");
    }
    output
}
