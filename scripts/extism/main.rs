//! The Extism SDK behind a pipe: the same plugins on another host, to compare ours with.
//!
//! Owns the protocol and the sorting of what the SDK says into the kinds that the plugin host knows.
//! Refuses to be more: it is for first-party plugins whose signature somebody has checked, never for
//! a stranger's module. The SDK's memory can be corrupted by a guest, it bounds no table, and a loop
//! in a module's `start` function never ends. It gives neither network nor operating system.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use extism::{CompiledPlugin, Error, Manifest, Plugin, PluginBuilder, Wasm};
use serde::{Deserialize, Serialize};

const HELP: &str = "\
plantao-extism: runs plugins on the Extism SDK, one order a line on standard input

For signed first-party plugins only, never for a stranger's module: the SDK does not contain a
hostile guest. Orders and answers are JSON, one a line:
  {\"load\": {\"wasm\": PATH, \"config\": {}, \"memory_bytes\": N, \"timeout_ms\": N,
            \"variable_bytes\": N}}
      compiles the module; all that follows runs on it
  {\"call\": {\"function\": NAME, \"input\": BASE64}}
      calls a function in a fresh instance
Answers:
  \"loaded\"                               the module is taken
  {\"refused\": TEXT}                      it is not, or no order was understood
  {\"output\": BASE64}                     the call succeeded
  {\"failed\": {\"code\": N, \"text\": TEXT}}  the guest failed, in its own words
  {\"trapped\": TEXT}                      WebAssembly stopped it
  {\"stopped\": TEXT}                      a host function refused what it was given
  {\"limit\": \"memory\"}, {\"limit\": \"time\"}
  \"absent\"                               there is no such function
";
/// How the SDK tells a code that came with no words.
const NO_WORDS: &str = "Returned non-zero exit code: ";
const ABSENT: &str = "Function not found: ";
const TRAP: &str = "wasm trap: ";
const PAGE_BYTES: u64 = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Order {
    Load(Module),
    Call { function: String, input: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Module {
    wasm: PathBuf,
    #[serde(default)]
    config: BTreeMap<String, String>,
    memory_bytes: u64,
    timeout_ms: u64,
    variable_bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Loaded,
    Refused(String),
    Output(String),
    Failed { code: i32, text: String },
    Trapped(String),
    Stopped(String),
    Limit(&'static str),
    Absent,
}

fn main() -> Result<(), Error> {
    if let Some(argument) = std::env::args().nth(1) {
        let asked = ["-h", "--help"].contains(&argument.as_str());
        let mut to: Box<dyn Write> = match asked {
            true => Box::new(std::io::stdout()),
            false => Box::new(std::io::stderr()),
        };
        to.write_all(HELP.as_bytes())?;
        std::process::exit(if asked { 0 } else { 64 });
    }
    let mut output = std::io::stdout().lock();
    let mut loaded = None;
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?) {
            Ok(order) => obey(order, &mut loaded).unwrap_or_else(refused),
            Err(error) => Answer::Refused(error.to_string()),
        };
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

fn refused(error: Error) -> Answer {
    Answer::Refused(format!("{error:#}"))
}

fn obey(order: Order, loaded: &mut Option<CompiledPlugin>) -> Result<Answer, Error> {
    match order {
        Order::Load(module) => {
            *loaded = None;
            let compiled = compile(module)?;
            // What a module imports is looked at when an instance is made.
            Plugin::new_from_compiled(&compiled)?;
            *loaded = Some(compiled);
            Ok(Answer::Loaded)
        }
        Order::Call { function, input } => match loaded {
            None => Ok(Answer::Refused("no module is loaded".to_owned())),
            Some(compiled) => call(compiled, &function, &STANDARD.decode(input)?),
        },
    }
}

fn compile(module: Module) -> Result<CompiledPlugin, Error> {
    let mut manifest = Manifest::new([Wasm::data(std::fs::read(module.wasm)?)])
        .with_config(module.config.into_iter())
        .with_memory_max(u32::try_from(module.memory_bytes / PAGE_BYTES)?)
        .with_timeout(Duration::from_millis(module.timeout_ms));
    manifest.memory.max_var_bytes = Some(module.variable_bytes);
    PluginBuilder::new(manifest)
        .with_wasi(false)
        .with_cache_disabled()
        .compile()
}

/// A fresh instance for each call, as the plugin host has it: no call sees another's remains.
fn call(compiled: &CompiledPlugin, function: &str, input: &[u8]) -> Result<Answer, Error> {
    let called = Plugin::new_from_compiled(compiled)?.call::<_, Vec<u8>>(function, input);
    let error = match called {
        Ok(output) => return Ok(Answer::Output(STANDARD.encode(output))),
        Err(error) => error,
    };
    let silent = error.to_string();
    if let Some(code) = silent.strip_prefix(NO_WORDS) {
        return Ok(Answer::Failed {
            code: code.parse()?,
            text: String::new(),
        });
    }
    // One entry of the SDK tells the words and one the code; a guest does the same each time.
    let again =
        Plugin::new_from_compiled(compiled)?.call_get_error_code::<_, Vec<u8>>(function, input);
    match again {
        Err((error, code)) => Ok(sorted(&error, code)),
        Ok(_) => Ok(Answer::Refused(
            "the guest does something else each time".to_owned(),
        )),
    }
}

/// The SDK has one error type. A guest's own words stand alone in it; what Wasmtime or a host
/// function says has a backtrace around it.
fn sorted(error: &Error, code: i32) -> Answer {
    let said: Vec<String> = error.chain().map(ToString::to_string).collect();
    let [first, .., last] = said.as_slice() else {
        let text = said.concat();
        return match text.as_str() {
            "oom" => Answer::Limit("memory"),
            "timeout" => Answer::Limit("time"),
            _ if text.starts_with(ABSENT) => Answer::Absent,
            _ => Answer::Failed { code, text },
        };
    };
    match said.iter().find_map(|text| text.strip_prefix(TRAP)) {
        Some(trap) => Answer::Trapped(trap.to_owned()),
        None if first.contains("oom") || last == "oom" => Answer::Limit("memory"),
        None => Answer::Stopped(last.clone()),
    }
}
