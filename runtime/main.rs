//! The `plantao` binary. Everything is in the library, where tests reach it.

fn main() -> std::process::ExitCode {
    plantao::cli::main()
}
