//! The `plantao` binary. Everything is in the library, where tests reach it.

use plantao_actors::plugin::{COMPILER_COMMAND, serve_compiler};

fn main() -> std::process::ExitCode {
    // A plugin's module is compiled by a process of this binary that is nothing else: it confines
    // itself before it reads a byte, and before anything of a hospital is set up.
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|first| first == COMPILER_COMMAND)
    {
        return serve_compiler(arguments);
    }
    plantao::cli::main()
}
