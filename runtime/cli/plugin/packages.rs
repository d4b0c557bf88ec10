//! `plantao plugin keygen | sign | verify`: a module becomes a package of a publisher.
//!
//! The secret half of a key stays in a file of its owner's: it is never printed, and a file that
//! others can read is refused. What operators write down is the public half.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use plantao_actors::plugin::{
    MODULE_MAX_BYTES, ProvenanceRefusal, PublisherSecret, Publishers, Unsigned, read_module,
};
use zeroize::Zeroizing;

use super::super::arguments::{Keygen, Sign, Verify};
use super::super::context::Context;
use super::super::error::CliError;
use super::{read, refused, write};

/// Whoever opens a secret key.
const PRIVATE_FILE: u32 = 0o600;
/// What others may do with it: nothing.
const OTHERS: u32 = 0o077;
/// Two keys in base64 take a tenth of it.
const KEY_MAX_BYTES: usize = 64 * 1024;
/// What a key that was named by its file is called.
const NAMED_BY_FILE: &str = "key-owner";

pub(super) fn keygen(order: &Keygen, out: &mut impl Write) -> Result<(), CliError> {
    let secret = PublisherSecret::made().map_err(|error| refused(error.to_string()))?;
    let path = &order.file;
    let wrong =
        |error: std::io::Error| refused(format!("cannot write `{}`: {error}", path.display()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE_FILE)
        .open(path)
        .map_err(wrong)?;
    let text = secret.to_text();
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a key is nobody's, and would stand in the way of the next try.
        drop(std::fs::remove_file(path));
        return Err(wrong(error));
    }
    writeln!(out, "{}", secret.public())?;
    Ok(())
}

pub(super) fn sign(order: &Sign, out: &mut impl Write) -> Result<(), CliError> {
    let secret = secret(&order.key)?;
    let module = module(&order.file)?;
    let signed = secret
        .sign(&module)
        .map_err(|error| refused(format!("`{}` is not signed: {error}", order.file.display())))?;
    if signed.bytes.len() as u64 > MODULE_MAX_BYTES {
        let text = format!("with its signature it is longer than {MODULE_MAX_BYTES} bytes");
        return Err(refused(text));
    }
    write(&order.output, &signed.bytes)?;
    let (name, version) = (&signed.name, &signed.version);
    writeln!(out, "signed {name} {version}  {}", order.output.display())?;
    writeln!(out, "  sha256  {}", signed.sha256)?;
    writeln!(out, "  key     {}", secret.public().id())?;
    Ok(())
}

pub(super) fn verify(
    context: &Context,
    order: &Verify,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let known = known(context, order)?;
    let bytes = module(&order.file)?;
    let verified = known.verify(&bytes).map_err(|refusal| {
        let shown = order.file.display();
        match refusal {
            ProvenanceRefusal::Unsigned => refused(format!("`{shown}` is not signed")),
            refusal => refused(format!("`{shown}` {refusal}")),
        }
    })?;
    let (name, version) = (verified.name, verified.version);
    let whose = match &order.key {
        Some(path) => format!("by the key in {}", path.display()),
        None => format!("of publisher {}", verified.publisher),
    };
    writeln!(out, "{name} {version} {whose}")?;
    writeln!(out, "  sha256  {}", verified.sha256)?;
    writeln!(out, "its signatures hold")?;
    Ok(())
}

/// Those whose signature is to be found: of the configuration, one of them, or the key in a file.
fn known(context: &Context, order: &Verify) -> Result<Publishers, CliError> {
    if let Some(path) = &order.key {
        let key = read(path)?;
        let known = Publishers::new(Unsigned::Refuse);
        let known = known.with(NAMED_BY_FILE, key.trim_end(), &["*".to_owned()]);
        return known.map_err(|error| refused(format!("`{}`: {error}", path.display())));
    }
    let configured = context.config.plugin_host.publishers()?;
    match &order.publisher {
        None => Ok(configured),
        Some(name) => configured.only(name).ok_or_else(|| CliError::Usage {
            text: format!(
                "no publisher is called `{name}` in `plugin_host.publishers`: expected {}",
                or_none(&configured.names())
            ),
        }),
    }
}

fn or_none(names: &[&str]) -> String {
    if names.is_empty() {
        "one, and there is none".into()
    } else {
        names.join(", ")
    }
}

fn module(path: &Path) -> Result<Vec<u8>, CliError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    read_module(&name, path).map_err(super::subject::unread(path))
}

fn secret(path: &Path) -> Result<PublisherSecret, CliError> {
    let unread = |error: std::io::Error| CliError::Input {
        path: path.into(),
        reason: error.to_string(),
    };
    let file = std::fs::File::open(path).map_err(unread)?;
    if file.metadata().map_err(unread)?.mode() & OTHERS != 0 {
        let shown = path.display();
        let text = format!(
            "`{shown}` is open to others: `chmod go-rwx {shown}`, and if anybody may have read it, \
             make another key"
        );
        return Err(refused(text));
    }
    // Room for all of it at once: a text that grows leaves copies of itself behind.
    let mut text = Zeroizing::new(String::with_capacity(KEY_MAX_BYTES));
    let read = file.take(KEY_MAX_BYTES as u64).read_to_string(&mut text);
    read.map_err(unread)?;
    PublisherSecret::parse(&text).map_err(|error| refused(format!("`{}`: {error}", path.display())))
}
