//! What the whole-system measurements share: processor time of a process tree, loads by `wrk`.
//!
//! Figures are counts per second of *processor* time of the server alone, read from `/proc`: they
//! stay comparable on a machine whose cores the load generator takes its share of.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long each load lasts.
pub(crate) const LOAD: Duration = Duration::from_secs(5);

/// Kernel clock ticks a second: fixed by Linux's interface to user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor seconds used so far by a process and its threads.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    // utime and stime are fields 14 and 15 of the line, 12 and 13 after the name; of children that
    // ended, the two after these.
    ticks(pid, [11, 12])
}

fn ticks(pid: u32, fields: [usize; 2]) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let all: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |index: usize| all.get(index).and_then(|f| f.parse::<f64>().ok());
    let sum: f64 = fields.into_iter().filter_map(ticks).sum();
    sum / TICKS_PER_SECOND
}

/// Resident memory of a process, bytes: what it has, not what the kernel keeps for its sockets.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1_024
}

/// Processes whose parent is `pid`.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// What a load found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Answers with a 2xx status.
    pub(crate) answered: f64,
    /// How long it took.
    pub(crate) seconds: f64,
    /// Half of the answers came within this.
    pub p50_ms: f64,
    /// 99 of 100 came within this.
    pub p99_ms: f64,
}

/// Loads an address with `wrk` over 32 connections.
pub(crate) fn wrk(address: SocketAddr, path: &str, headers: &[String]) -> Load {
    let mut command = Command::new("wrk");
    command.args(["-t", "2", "-c", "32", "--latency", "-d"]);
    command.arg(format!("{}s", LOAD.as_secs()));
    for header in headers {
        command.arg("-H").arg(header);
    }
    command.arg(format!("https://{address}{path}"));
    let output = command.output().expect("wrk: `make bench` installs it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "wrk: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let line = |name: &str| text.lines().find(|line| line.contains(name)).map(str::trim);
    // `12345 requests in 5.00s, 1.2MB read`
    let totals = line("requests in").expect("totals of wrk");
    let mut words = totals.split_whitespace();
    let all: f64 = words
        .next()
        .and_then(|word| word.parse().ok())
        .expect("a count");
    let seconds = words
        .nth(2)
        .map(|word| word.trim_end_matches("s,"))
        .and_then(|s| s.parse().ok());
    let bad: f64 = line("Non-2xx")
        .and_then(|line| line.rsplit(' ').next())
        .and_then(|count| count.parse().ok())
        .unwrap_or(0.0);
    assert!(
        bad <= all / 100.0,
        "{bad} of {all} answers are refusals: {text}"
    );
    let quantile = |name: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(name))
            .map_or(f64::NAN, |value| milliseconds(value.trim()))
    };
    Load {
        answered: all - bad,
        seconds: seconds.expect("a time"),
        p50_ms: quantile("50%"),
        p99_ms: quantile("99%"),
    }
}

fn milliseconds(text: &str) -> f64 {
    let number = |unit: &str| text.strip_suffix(unit).and_then(|n| n.parse::<f64>().ok());
    number("us")
        .map(|n| n / 1_000.0)
        .or_else(|| number("ms"))
        .or_else(|| number("s").map(|n| n * 1_000.0))
        .unwrap_or(f64::NAN)
}

/// Starts a program in silence.
pub(crate) fn start(command: &mut Command) -> std::process::Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("starts")
}

/// Waits until somebody listens.
pub(crate) fn until_listening(address: SocketAddr) {
    for _ in 0..1_000 {
        if std::net::TcpStream::connect(address).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nobody listens on {address}");
}

/// Whether a program is there; a measurement without its peer says so and goes on.
pub(crate) fn is_there(program: &str) -> bool {
    Path::new(program).exists()
}

/// Whether a smoke check was asked for: `cargo bench --bench NAME -- --short`.
pub(crate) fn is_short() -> bool {
    std::env::args().any(|argument| argument == "--short")
}

/// The middle one: what a neighbour who compiles for a moment does not move.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Processor seconds of a process and of those that it has started, ended ones included.
pub(crate) fn cpu_seconds_of_all(pid: u32) -> f64 {
    let children: f64 = children(pid).into_iter().map(cpu_seconds).sum();
    cpu_seconds(pid) + ticks(pid, [13, 14]) + children
}

/// What a measurement of many equal things took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// How many a second.
    pub(crate) rate: f64,
    /// Processor time of this process for each, microseconds.
    pub(crate) client_us: f64,
    /// Processor time of the database for each, microseconds.
    pub(crate) server_us: f64,
}

/// The middle of several rounds, figure by figure.
pub(crate) fn middle(rounds: &[Taken]) -> Taken {
    let of = |figure: fn(&Taken) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
    Taken {
        rate: of(|taken| taken.rate),
        client_us: of(|taken| taken.client_us),
        server_us: of(|taken| taken.server_us),
    }
}

/// Measures work that gives how many it did.
pub(crate) async fn taking(postmaster: u32, work: impl Future<Output = usize>) -> Taken {
    let own = std::process::id();
    let before = (cpu_seconds(own), cpu_seconds_of_all(postmaster));
    let started = std::time::Instant::now();
    let count = work.await as f64;
    let seconds = started.elapsed().as_secs_f64();
    let after = (cpu_seconds(own), cpu_seconds_of_all(postmaster));
    Taken {
        rate: count / seconds,
        client_us: (after.0 - before.0) / count * 1e6,
        server_us: (after.1 - before.1) / count * 1e6,
    }
}
