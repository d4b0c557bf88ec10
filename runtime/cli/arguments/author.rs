//! The arguments of a plugin's author: from nothing to a plugin that is measured and attacked.
//!
//! None of these needs a node: they run the real plugin host in their own process.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(in super::super) enum Author {
    /// Make a crate for a new plugin, which builds, passes its tests and can be called
    #[command(after_help = "\
Example:
  plantao plugin new reading-ease
  plantao plugin test reading-ease")]
    New(New),
    /// Build a plugin to DIR/dist/NAME.wasm, with its manifest beside it
    #[command(after_help = "\
Takes rustup's wasm32-unknown-unknown where it is there, else Debian's packages (rustc-web cargo-web
rust-web-src rust-web-llvm lld). The crate's `plugin!` is the manifest; the module carries it.
Building runs the folder's build scripts and macros with your rights, outside any sandbox: read
a stranger's crate first. `check`, `call` and `attack` take its module alone and build nothing.

Example:
  plantao plugin build reading-ease")]
    Build(Subject),
    /// Explain a plugin: imports, functions, size, memory, limits, and what it asks for
    #[command(after_help = "\
Exit code 1 when the host would refuse it, with what the host says. Works on any Extism module too.

Examples:
  plantao plugin check reading-ease
  plantao plugin check stranger.wasm")]
    Check(Subject),
    /// Run one function of a plugin on the real host and print what it answers
    #[command(after_help = "\
Text goes through the data guard first, as in a hospital: without `phi:raw` the plugin is shown no
identifier. What it logs goes to the standard error.

Examples:
  plantao plugin call reading-ease analyze '{\"text\": \"Tome com água.\"}'
  plantao plugin call reading-ease analyze @note.json --value long_sentence=20")]
    Call(Call),
    /// Run a plugin's cases, from DIR/cases/*.toml, on the real host
    #[command(after_help = "\
A case says what goes in and what has to come out:
  [[case]]
  name = \"a short text is easy\"
  function = \"analyze\"
  input = '{\"text\": \"Tome com água.\"}'
  config = { long_sentence = \"20\" }
  expect = { json = { words = 3 }, log = [\"INFO analyzed words=3\"] }
`expect` takes `json` (the whole answer), `output` (the same as text) or `error` (a part of what the
host says), `log` (every line) and `instructions_max` (what an answer may take; the same anywhere).
Building runs the folder's build scripts and macros with your rights, outside any sandbox: read
a stranger's crate first. `check`, `call` and `attack` take its module alone and build nothing.

Example:
  plantao plugin test reading-ease")]
    Test(Subject),
    /// Measure a plugin: compiling, the first call, calls after it, against its native build
    #[command(after_help = "\
Inputs are those of the cases. A budget in Cargo.toml makes the exit code 1 when it is passed:
  [package.metadata.plantao.budget]
  module_bytes = 100_000
  hot_p99_us = 5_000
  instructions = 40_000
  memory_bytes = 1_048_576
Building runs the folder's build scripts and macros with your rights, outside any sandbox, and the
native build its code: read a stranger's crate first. `check`, `call` and `attack` take a module
alone and build nothing.

Example:
  plantao plugin bench reading-ease --calls 2000")]
    Bench(Bench),
    /// Throw a gallery of hostile inputs at a plugin and tell what broke
    #[command(after_help = "\
Empty and huge texts, deep nesting, control and bidirectional characters, identifiers, random bytes
by seed; alone, and in place of each text of the cases' inputs. A refusal is an answer; a trap, a
limit passed, an identifier in output or log, or two answers to one input is not: exit code 1.

Example:
  plantao plugin attack reading-ease --seed 7")]
    Attack(Attack),
    /// Make a publisher's key: the secret half in a file, the public half on the standard output
    #[command(after_help = "\
The file is for its owner's eyes (mode 0600) and is never written over. Operators write the public
half down as `key` of [plugin_host.publishers.NAME], beside the `plugins` that NAME may publish.

Example:
  plantao plugin keygen house.key > house.pub")]
    Keygen(Keygen),
    /// Sign a module: it becomes a package, which is a module with a signature at its end
    #[command(after_help = "\
What is signed is the module with its manifest: its hash, name and version. A signature that the
file has already is replaced.

Example:
  plantao plugin sign dist/reading-ease.wasm --key house.key -o reading-ease.wasm")]
    Sign(Sign),
    /// Verify a package as a host does: by the publishers of the configuration, or by a key
    #[command(after_help = "\
Exit code 1 when it is not signed, or not so that it would be loaded.

Examples:
  plantao plugin verify reading-ease.wasm
  plantao plugin verify reading-ease.wasm --publisher house --config production.toml
  plantao plugin verify reading-ease.wasm --key house.pub")]
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(in super::super) struct New {
    /// Its name: a-z, 0-9 and `-`, beginning with a letter; also the folder that is made
    pub(in super::super) name: String,
    /// Where the plugin kit is [default: plugins/sdk of the repository this is run in]
    #[arg(long, value_name = "DIR")]
    pub(in super::super) sdk: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in super::super) struct Subject {
    /// The plugin's crate, or a module
    #[arg(default_value = ".", value_name = "DIR|FILE.wasm")]
    pub(in super::super) path: PathBuf,
}

#[derive(Debug, Args)]
pub(in super::super) struct Call {
    /// The plugin's crate, or a module
    #[arg(value_name = "DIR|FILE.wasm")]
    pub(in super::super) path: PathBuf,
    /// Which function
    pub(in super::super) function: String,
    /// The input; `@FILE` reads it from a file, `-` from the standard input
    #[arg(default_value = "")]
    pub(in super::super) input: String,
    /// Sets a key that the plugin asks for, as an operator would
    #[arg(long = "value", value_name = "KEY=VALUE", value_parser = super::key_value)]
    pub(in super::super) values: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(in super::super) struct Bench {
    #[command(flatten)]
    pub(in super::super) subject: Subject,
    /// How many calls are measured
    #[arg(long, default_value_t = 1_000, value_parser = calls)]
    pub(in super::super) calls: u32,
}

#[derive(Debug, Args)]
pub(in super::super) struct Attack {
    #[command(flatten)]
    pub(in super::super) subject: Subject,
    /// Chooses the random inputs; the same seed gives the same ones
    #[arg(long, default_value_t = 1)]
    pub(in super::super) seed: u64,
}

#[derive(Debug, Args)]
pub(in super::super) struct Keygen {
    /// Where the secret half is put
    #[arg(value_name = "FILE")]
    pub(in super::super) file: PathBuf,
}

#[derive(Debug, Args)]
pub(in super::super) struct Sign {
    /// The module, which carries a manifest
    #[arg(value_name = "FILE.wasm")]
    pub(in super::super) file: PathBuf,
    /// The file that `plantao plugin keygen` wrote
    #[arg(long, value_name = "FILE")]
    pub(in super::super) key: PathBuf,
    /// Where the package is put
    #[arg(short, long, value_name = "FILE.wasm")]
    pub(in super::super) output: PathBuf,
}

#[derive(Debug, Args)]
pub(in super::super) struct Verify {
    /// The package
    #[arg(value_name = "FILE.wasm")]
    pub(in super::super) file: PathBuf,
    /// It has to be of this publisher of the configuration [default: of any]
    #[arg(long, value_name = "NAME", conflicts_with = "key")]
    pub(in super::super) publisher: Option<String>,
    /// It has to be signed by the key in this file, which is a public half
    #[arg(long, value_name = "FILE")]
    pub(in super::super) key: Option<PathBuf>,
}

fn calls(text: &str) -> Result<u32, String> {
    let number = text.parse().ok();
    let number = number.filter(|number| (10..=1_000_000).contains(number));
    number.ok_or_else(|| "expected 10 to 1,000,000 calls".into())
}
