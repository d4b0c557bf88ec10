//! `plantao plugin new`: a crate that builds, passes its tests and can be called as it is.
//!
//! Refuses a name that is none of a plugin, and a folder that is there: nothing is written over.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::super::arguments::New;
use super::super::error::CliError;
use super::{read, refused, write};

/// As in the tree and in metrics, of which the name becomes a part.
const NAME_MAX_BYTES: usize = 48;

/// What a new crate is made of: where to, and what.
const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("src/lib.rs", include_str!("template/src/lib.rs.in")),
    (
        "cases/first.toml",
        include_str!("template/cases/first.toml.in"),
    ),
    (".gitignore", "/target/\n/dist/\n"),
];

pub(super) fn new(order: &New, out: &mut impl Write) -> Result<(), CliError> {
    let name = named(&order.name)?;
    let sdk = kit(order.sdk.as_deref())?;
    let folder = Path::new(name);
    if folder.exists() {
        return Err(CliError::Usage {
            text: format!("`{name}` is there already; nothing was changed"),
        });
    }
    for (path, template) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|error| refused(format!("cannot make `{}`: {error}", parent.display())))?;
        }
        let text = template.replace("@NAME@", name);
        let text = text.replace("@CRATE@", &name.replace('-', "_"));
        write(
            &path,
            text.replace("@SDK@", &sdk.display().to_string()).as_bytes(),
        )?;
    }
    lock(folder, name, &sdk)?;
    writeln!(
        out,
        "made `{name}`: src/lib.rs is the plugin, cases/first.toml what it is tested with"
    )?;
    writeln!(out, "next: plantao plugin test {name}")?;
    Ok(())
}

fn named(name: &str) -> Result<&str, CliError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    // Cargo's own names for what is in every build.
    let is_taken = [
        "core",
        "std",
        "alloc",
        "test",
        "proc-macro",
        "build",
        "deps",
    ]
    .contains(&name);
    if begins
        && !name.ends_with('-')
        && !is_taken
        && name.len() <= NAME_MAX_BYTES
        && name.bytes().all(plain)
    {
        return Ok(name);
    }
    let text = if is_taken {
        format!("`{name}` is a name of Rust's own: choose another")
    } else {
        "a plugin's name is 1 to 48 characters of a-z, 0-9 and `-`, begins with a letter and does \
         not end with `-`, such as `reading-ease`"
            .into()
    };
    Err(CliError::Usage { text })
}

/// The kit that was named, or that of the repository around the current folder.
fn kit(named: Option<&Path>) -> Result<PathBuf, CliError> {
    let is_kit = |dir: &Path| {
        std::fs::read_to_string(dir.join("Cargo.toml"))
            .is_ok_and(|text| text.contains("name = \"plantao-plugin-sdk\""))
    };
    let found = match named {
        Some(dir) => Some(dir.to_owned()).filter(|dir| is_kit(dir)),
        None => std::env::current_dir().ok().and_then(|here| {
            let mut up = here.ancestors().map(|dir| dir.join("plugins/sdk"));
            up.find(|dir| is_kit(dir))
        }),
    };
    let text = match named {
        Some(dir) => format!("`{}` is not the plugin kit (plugins/sdk)", dir.display()),
        None => {
            "the plugin kit is not in this repository or above it: name it with --sdk, such as \
                 --sdk ~/plantao/plugins/sdk"
                .into()
        }
    };
    let found = found.ok_or(CliError::Usage { text })?;
    found.canonicalize().map_err(|error| CliError::Input {
        path: found,
        reason: error.to_string(),
    })
}

/// The versions that the kit itself is built and tested with, so that the first build asks no
/// registry and is the same everywhere. A kit without a lockfile leaves that to cargo.
fn lock(folder: &Path, name: &str, sdk: &Path) -> Result<(), CliError> {
    let Some(Ok(locked)) = sdk.parent().map(|dir| read(&dir.join("Cargo.lock"))) else {
        return Ok(());
    };
    let entry = format!(
        "\n[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\ndependencies = [\n \
         \"plantao-plugin-sdk\",\n \"serde\",\n]\n"
    );
    write(
        &folder.join("Cargo.lock"),
        format!("{locked}{entry}").as_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_a_plugin_s_is_refused() {
        for good in ["a", "reading-ease", "words2"] {
            assert_eq!(named(good).ok(), Some(good));
        }
        let long = "a".repeat(49);
        for bad in [
            "", "A", "a_b", "2a", "-a", "a-", "a/b", "..", "core", "é", &long,
        ] {
            assert!(matches!(named(bad), Err(CliError::Usage { .. })), "{bad}");
        }
    }

    #[test]
    fn what_is_no_kit_is_refused() {
        let said = kit(Some(Path::new("/"))).unwrap_err().to_string();
        assert_eq!(said, "`/` is not the plugin kit (plugins/sdk)");
    }
}
