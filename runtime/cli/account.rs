//! `plantao account`: accounts that log in with a password and a one-time code.
//!
//! Over the private socket: whoever may open it runs the node. The password is never an argument or
//! a variable of the environment, which others of the machine read; the secret that comes back is
//! shown once and kept by nobody here.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;
use zeroize::Zeroizing;

use super::arguments::{Account, AccountCommand};
use super::client::Ask;
use super::context::Context;
use super::error::CliError;
use super::outcome::at;
use super::terminal::Terminal;

/// Longer is a file that was named by mistake.
const PASSWORD_MAX_BYTES: u64 = 1_024;

pub(super) async fn account(
    context: &Context,
    account: &Account,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let AccountCommand::Add {
        name,
        role,
        password_file,
    } = &account.command;
    let socket = context.socket()?;
    let password = match password_file {
        Some(path) => password_from(path)?,
        None => password_from_terminal(name).await?,
    };
    let body = json!({ "name": name, "role": role, "password": password.as_str() });
    let ask = Ask::post("/v1/accounts", "application/json", body.to_string());
    let answer = socket.ask_json(ask).await?;
    let uri = at(&answer, "/otpauth_uri");
    let uri = uri.ok_or_else(|| socket.unexpected("no `otpauth_uri`"))?;
    writeln!(out, "account {name} acts as {role}")?;
    writeln!(
        out,
        "This is shown once. Scan it with the owner's authenticator application:\n"
    )?;
    if let Some(code) = qr_code(uri) {
        writeln!(out, "{code}\n")?;
    }
    writeln!(out, "{uri}")?;
    if let Some(secret) = at(&answer, "/secret") {
        writeln!(out, "or type the secret: {secret}")?;
    }
    Ok(())
}

/// Light on dark, as terminals are: the inverse is not read by every application.
fn qr_code(uri: &str) -> Option<String> {
    let code = QrCode::new(uri).ok()?;
    let mut renderer = code.render::<Dense1x2>();
    let renderer = renderer
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark);
    Some(renderer.build())
}

fn password_from(path: &Path) -> Result<Zeroizing<String>, CliError> {
    let unreadable = |reason: String| CliError::Input {
        path: path.into(),
        reason,
    };
    let first = if path == Path::new("-") {
        first_line(std::io::stdin().lock())
    } else {
        let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
        first_line(BufReader::new(file))
    };
    first.map_err(|reason| unreadable(reason.into()))
}

/// The first line, without its end.
fn first_line(reader: impl BufRead) -> Result<Zeroizing<String>, &'static str> {
    let mut line = Zeroizing::new(String::new());
    reader
        .take(PASSWORD_MAX_BYTES + 1)
        .read_line(&mut line)
        .map_err(|_| "its first line is not text")?;
    let password = line.trim_end_matches(['\r', '\n']);
    match password.len() as u64 {
        0 => Err("its first line is empty"),
        1..=PASSWORD_MAX_BYTES => Ok(Zeroizing::new(password.to_owned())),
        _ => Err("its first line is too long for a password"),
    }
}

async fn password_from_terminal(name: &str) -> Result<Zeroizing<String>, CliError> {
    let terminal = Terminal::open().map_err(|_| CliError::Usage {
        text: "no terminal to ask for the password on; give it with --password-file".into(),
    })?;
    let ask = async |prompt: String| {
        let answer = terminal.ask_unseen(&prompt).await;
        answer.map_err(|reason| CliError::Input {
            path: PathBuf::from(Terminal::PATH),
            reason: reason.to_string(),
        })
    };
    let first = ask(format!("Password for {name}: ")).await?;
    let second = ask("The same again: ".to_owned()).await?;
    let usage = |text: &str| CliError::Usage { text: text.into() };
    if first.is_empty() {
        return Err(usage("a password is needed"));
    }
    if *first != *second {
        return Err(usage(
            "the two passwords differ; nothing was made. Ask again",
        ));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_without_its_end() {
        let line = |text: &'static [u8]| first_line(text).map(|line| line.as_str().to_owned());
        assert_eq!(
            line(b"correct horse\r\nbattery\n"),
            Ok("correct horse".into())
        );
        assert_eq!(line(b" spaces stay "), Ok(" spaces stay ".into()));
        line(b"\n").unwrap_err();
        line(b"").unwrap_err();
        line(b"\xff\xfe\n").unwrap_err();
        line(&[b'a'; 2_000]).unwrap_err();
    }

    #[test]
    fn the_code_is_drawn_with_a_quiet_zone() {
        let code = qr_code("otpauth://totp/plantao:ana?secret=GEZDGNBVGY3TQOJQ").unwrap();
        let lines: Vec<&str> = code.lines().collect();
        assert!(lines.len() > 15, "{code}");
        assert!(lines[0].chars().all(|c| c == '█'), "{code}");
    }
}
