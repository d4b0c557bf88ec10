//! `plantao-chaos`: breaks the real tree in a simulated day, thousands of times.

use std::process::ExitCode;

fn main() -> ExitCode {
    plantao_chaos::cli::run()
}
