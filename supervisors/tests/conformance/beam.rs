//! OTP's side: compiles the driver into a directory of its own and talks to one running BEAM.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::model::Script;
use crate::term::Term;
use crate::trace::{self, Trace};

/// The oldest release whose supervisors know significant children.
const OLDEST_RELEASE: u32 = 24;
const SOURCES: [(&str, &str); 4] = [
    ("driver.erl", include_str!("driver.erl")),
    ("journal.erl", include_str!("journal.erl")),
    ("script.erl", include_str!("script.erl")),
    ("subject.erl", include_str!("subject.erl")),
];
const MISSING: &str = "this test compares the crate with Erlang/OTP and needs `erl` and `erlc`; \
     install them with `apt-get install erlang-base`";

/// How fast OTP plays. A script's times are far apart as seen from each other, so a busy machine is
/// met by making all of them longer.
#[derive(Clone, Copy)]
pub(crate) struct Rhythm {
    /// How long a tree shows no change between two looks before it is taken for at rest.
    pub(crate) quiet_ms: u32,
    /// By how much the script's times are multiplied.
    pub(crate) pace: u32,
}

impl Rhythm {
    /// For many trees at a time; who differs plays again.
    pub(crate) const FAST: Self = Self {
        quiet_ms: 1,
        pace: 1,
    };
    /// For one tree, many times.
    pub(crate) const STEADY: Self = Self {
        quiet_ms: 4,
        pace: 2,
    };
    /// For one tree that plays up to [`PLAYS_ALONE`] times: a difference that is still there at
    /// the last and slowest is one.
    pub(crate) fn alone(play: u32) -> Self {
        Self {
            quiet_ms: 20,
            pace: 4 << play,
        }
    }
}

/// Plays of one script alone, on a machine that may still be busy with something else.
pub(crate) const PLAYS_ALONE: u32 = 4;

/// A BEAM that plays scripts; ends with this value.
pub(crate) struct Beam {
    process: Child,
    scripts: Option<BufWriter<ChildStdin>>,
    traces: BufReader<ChildStdout>,
    directory: PathBuf,
}

impl Beam {
    /// `name` tells the directories of several apart.
    pub(crate) fn start(name: &str) -> Self {
        let release = release();
        assert!(
            release >= OLDEST_RELEASE,
            "Erlang/OTP {release} is too old: significant children came with {OLDEST_RELEASE}"
        );
        let directory = compile(name);
        let mut process = Command::new("erl")
            .args(["-noshell", "-pa"])
            .arg(&directory)
            .args(["-eval", "driver:main()."])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect(MISSING);
        let scripts = process.stdin.take().map(BufWriter::new);
        let traces = BufReader::new(process.stdout.take().unwrap());
        Self {
            process,
            scripts,
            traces,
            directory,
        }
    }

    /// Plays all scripts, many at a time.
    pub(crate) fn play(&mut self, scripts: &[Script], rhythm: Rhythm) -> Vec<Trace> {
        let mut found: Vec<Option<Trace>> = vec![None; scripts.len()];
        let Self {
            process,
            scripts: input,
            traces,
            ..
        } = self;
        let input = input.as_mut().unwrap();
        std::thread::scope(|scope| {
            // Writing all before reading would fill both pipes and wait for ever.
            scope.spawn(move || write_scripts(input, scripts, rhythm));
            for _ in scripts {
                let (number, trace) = read_trace(traces);
                match trace {
                    Ok(trace) => found[number] = Some(trace),
                    Err(broken) => {
                        // The writer, which the scope waits for, may be waiting for the driver.
                        let _ = process.kill();
                        panic!("{broken} in {}", Term(&scripts[number]));
                    }
                }
            }
        });
        found.into_iter().map(Option::unwrap).collect()
    }
}

impl Drop for Beam {
    fn drop(&mut self) {
        // The driver leaves at the end of its input.
        self.scripts = None;
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Stops early when the driver is gone: whoever reads its traces says so.
fn write_scripts(input: &mut impl Write, scripts: &[Script], rhythm: Rhythm) {
    let mut write = || {
        for (number, script) in scripts.iter().enumerate() {
            let Rhythm { quiet_ms, pace } = rhythm;
            writeln!(input, "{{{number},{quiet_ms},{pace},{}}}.", Term(script))?;
        }
        input.flush()
    };
    let _: std::io::Result<()> = write();
}

fn read_trace(output: &mut impl BufRead) -> (usize, Result<Trace, String>) {
    let mut line = || {
        let mut line = String::new();
        let read = output.read_line(&mut line).unwrap();
        assert!(
            read > 0,
            "the driver ended before it had played all scripts"
        );
        line.truncate(line.trim_end_matches('\n').len());
        line
    };
    let first = line();
    let number = first
        .strip_prefix("trace ")
        .and_then(|number| number.parse().ok());
    let number = number.unwrap_or_else(|| panic!("the driver wrote `{first}`"));
    let end = format!("end {number}");
    let lines: Vec<String> = std::iter::repeat_with(line)
        .take_while(|line| *line != end)
        .collect();
    (number, trace::parse(&lines))
}

fn release() -> u32 {
    let print = "io:put_chars(erlang:system_info(otp_release)), halt().";
    let output = Command::new("erl")
        .args(["-noshell", "-eval", print])
        .output()
        .expect(MISSING);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.trim()
        .parse()
        .unwrap_or_else(|_| panic!("`erl` says its release is `{text}`"))
}

fn compile(name: &str) -> PathBuf {
    let name = format!("plantao-conformance-{name}-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&directory).unwrap();
    let files: Vec<PathBuf> = SOURCES
        .iter()
        .map(|(name, text)| write_source(&directory, name, text))
        .collect();
    let output = Command::new("erlc")
        .arg("-Werror")
        .arg("-o")
        .arg(&directory)
        .args(files)
        .output()
        .expect(MISSING);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "the driver does not compile:\n{said}"
    );
    directory
}

fn write_source(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
