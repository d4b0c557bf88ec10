//! The first-party plugins as their authors test them: native code on the kit's scripted host.
//!
//! Owns the protocol, which is that of `scripts/extism` but for how a plugin is named; refuses a
//! name or a function that no plugin has. Exists so that what a plugin's own tests see can be held
//! against what the plugin host answers.

#[path = "../../plugins/claims-extractor/src/lib.rs"]
mod claims_extractor;
#[path = "../../plugins/echo/src/lib.rs"]
mod echo;
#[path = "../../plugins/lgpd-analyzer/src/lib.rs"]
mod lgpd_analyzer;

use std::error::Error;
use std::io::{BufRead, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plantao_plugin_sdk::testing::{Host, Plugin};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Order {
    /// The plugin that all that follows is asked of.
    Load {
        plugin: String,
    },
    Call {
        function: String,
        input: String,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Loaded,
    Refused(String),
    Output(String),
    Failed { code: i32, text: String },
    Absent,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut output = std::io::stdout().lock();
    let mut plugin = None;
    for line in std::io::stdin().lock().lines() {
        let answer = obey(&line?, &mut plugin).unwrap_or_else(|e| Answer::Refused(e.to_string()));
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

fn obey(order: &str, plugin: &mut Option<&Plugin>) -> Result<Answer, Box<dyn Error>> {
    match serde_json::from_str(order)? {
        Order::Load { plugin: name } => {
            let plugins = [
                &claims_extractor::PLUGIN,
                &echo::PLUGIN,
                &lgpd_analyzer::PLUGIN,
            ];
            *plugin = Some(
                plugins
                    .into_iter()
                    .find(|one| one.name == name)
                    .ok_or("no plugin")?,
            );
            Ok(Answer::Loaded)
        }
        Order::Call { function, input } => {
            let plugin = plugin.ok_or("no plugin is loaded")?;
            let called = Host::new().call(plugin, &function, &STANDARD.decode(input)?);
            Ok(match called.map(|called| called.answer) {
                None => Answer::Absent,
                Some(Ok(bytes)) => Answer::Output(STANDARD.encode(bytes)),
                Some(Err(error)) => Answer::Failed {
                    code: error.code(),
                    text: error.to_string(),
                },
            })
        }
    }
}
