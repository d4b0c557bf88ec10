//! `plantao check`: everything a start needs, looked at without starting anything.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use plantao_actors::database::{EmbeddedConfig, Login, postgres};
use plantao_actors::plugin::Publishers;

use super::context::Context;
use super::error::CliError;
use crate::config::STATE_FILE;
use crate::service;
use crate::state_dir::{StateDirError, StatePaths};

/// The first bytes of a core WebAssembly module, version 1.
const WASM_MAGIC: [u8; 8] = *b"\0asm\x01\0\0\0";

/// One thing looked at: what, and what was found or is wrong with it.
struct Finding {
    what: String,
    result: Result<String, String>,
}

pub(super) fn check(context: &Context, out: &mut impl Write) -> Result<(), CliError> {
    let running = StatePaths::find(&context.config.state_dir)
        .is_ok_and(|state| std::os::unix::net::UnixStream::connect(state.admin_socket()).is_ok());
    let mut findings = vec![
        configuration(context),
        state_dir(context),
        database(context),
    ];
    findings.extend(certificate(context));
    for (key, address) in [
        ("front_door.listen", context.config.front_door.listen),
        ("admin.listen", context.config.admin.listen),
    ] {
        findings.push(port(key, address, running));
    }
    let known = context.config.plugin_host.publishers()?;
    for (name, plugin) in &context.config.plugins {
        let path = context.config.plugin_host.dir.join(&plugin.wasm);
        findings.push(module(name, &path, &known));
    }
    let mut missing = 0;
    for Finding { what, result } in findings {
        match result {
            Ok(found) => writeln!(out, "[+] {what}: {found}")?,
            Err(wrong) => {
                missing += 1;
                writeln!(out, "[-] {what}: {wrong}")?;
            }
        }
    }
    if missing > 0 {
        Err(CliError::Checks { missing })
    } else {
        Ok(())
    }
}

fn configuration(context: &Context) -> Finding {
    let in_state = context.config.state_dir.join(STATE_FILE);
    let file = match &context.flags.config {
        Some(path) => format!("defaults and `{}`", path.display()),
        None => match std::env::var("PLANTAO_CONFIG") {
            Ok(path) => format!("defaults and `{path}`"),
            Err(_) if in_state.exists() => format!("defaults and `{}`", in_state.display()),
            Err(_) => "defaults, no file".into(),
        },
    };
    let roles = context.config.policy.rules.roles.len();
    let plugins = context.config.plugins.len();
    let found = format!("{file}; {roles} roles, {plugins} plugins");
    Finding {
        what: "configuration".into(),
        result: Ok(found),
    }
}

fn state_dir(context: &Context) -> Finding {
    let path = &context.config.state_dir;
    let result = match StatePaths::find(path) {
        Ok(state) => Ok(format!("`{}`", state.root().display())),
        Err(StateDirError::Absent { .. }) => Ok(format!(
            "`{}` will be made at the first start",
            path.display()
        )),
        Err(error) => Err(error.to_string()),
    };
    Finding {
        what: "state directory".into(),
        result,
    }
}

fn database(context: &Context) -> Finding {
    let config = service::database_config(&context.config, &context.config.state_dir);
    let result = match &config.embedded {
        None => config
            .connection(Login::Application)
            .map(|_parsed| "the one at `database.url`, which was not asked".to_owned())
            .map_err(|error| error.to_string()),
        // Looking for the programs makes no directory: a state directory that is not there yet
        // has no cluster, and the newest programs would make it.
        Some(cluster) if !cluster.state_dir.exists() => {
            let mut elsewhere = cluster.clone();
            elsewhere.state_dir = std::env::temp_dir();
            cluster_by(&elsewhere)
        }
        Some(cluster) => cluster_by(cluster),
    };
    Finding {
        what: "postgresql".into(),
        result,
    }
}

fn cluster_by(config: &EmbeddedConfig) -> Result<String, String> {
    let (dir, version) = postgres::programs(config).map_err(|error| error.to_string())?;
    let dir = dir.display();
    Ok(format!(
        "private cluster by PostgreSQL {version} in `{dir}`"
    ))
}

fn certificate(context: &Context) -> Option<Finding> {
    let door = &context.config.front_door;
    let (Some(chain), Some(key)) = (&door.certificate, &door.private_key) else {
        return None;
    };
    let wrong = [chain, key].iter().find_map(|path| {
        let error = std::fs::File::open(path).err()?;
        Some(format!("cannot open `{}`: {error}", path.display()))
    });
    let result = wrong.map_or_else(|| Ok(format!("`{}`", chain.display())), Err);
    Some(Finding {
        what: "certificate".into(),
        result,
    })
}

fn port(key: &str, address: SocketAddr, running: bool) -> Finding {
    let result = match TcpListener::bind(address) {
        Ok(_) => Ok(format!("{address} is free")),
        Err(_) if running => Ok(format!("{address} is taken, by the node that runs here")),
        Err(error) => Err(format!(
            "{address} cannot be listened on ({error}); set `{key}`"
        )),
    };
    Finding {
        what: key.into(),
        result,
    }
}

fn module(name: &str, path: &Path, known: &Publishers) -> Finding {
    let result = match std::fs::read(path) {
        Ok(bytes) if bytes.starts_with(&WASM_MAGIC) => {
            let found = format!("`{}`, {} KiB", path.display(), bytes.len() / 1_024);
            match known.look(name, path) {
                Ok(Some(package)) => Ok(format!("{found}, of {}", package.publisher)),
                Ok(None) => Ok(format!("{found}, not signed")),
                Err(error) => Err(error.to_string()),
            }
        }
        Ok(_) => Err(format!("`{}` is not a WebAssembly module", path.display())),
        Err(error) => Err(format!(
            "cannot read `{}` ({error}); `make plugins` builds it",
            path.display()
        )),
    };
    Finding {
        what: format!("plugin {name}"),
        result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_actors::plugin::Unsigned;

    #[test]
    fn a_file_that_is_not_wasm_is_named() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("echo.wasm");
        let known = Publishers::new(Unsigned::Development);
        std::fs::write(&path, "\0asm\u{1}\0\0\0").unwrap();
        assert!(module("echo", &path, &known).result.is_ok());
        let strict = Publishers::new(Unsigned::Refuse);
        let refused = module("echo", &path, &strict).result.unwrap_err();
        assert!(refused.contains("is not signed"), "{refused}");
        std::fs::write(&path, "(module)").unwrap();
        assert!(
            module("echo", &path, &known)
                .result
                .unwrap_err()
                .contains("not a WebAssembly module")
        );
        assert!(
            module("echo", &temp.path().join("none"), &known)
                .result
                .unwrap_err()
                .contains("make")
        );
    }

    #[test]
    fn a_taken_port_names_the_key_unless_the_node_itself_has_it() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        let said = port("front_door.listen", address, false)
            .result
            .unwrap_err();
        assert!(said.contains("`front_door.listen`"), "{said}");
        assert!(port("front_door.listen", address, true).result.is_ok());
    }
}
