//! The layers in their order, and refusals that say what to do.

use std::path::{Path, PathBuf};

use plantao_actors::plugin::{PublisherSecret, Unsigned};

use super::*;

fn load(flags: &Flags, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let pairs = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::load_from(flags, pairs)
}

fn refused(environment: &[(&str, &str)]) -> String {
    load(&Flags::default(), environment)
        .unwrap_err()
        .to_string()
}

fn file(dir: &Path, text: &str) -> Flags {
    let path = dir.join("hospital.toml");
    std::fs::write(&path, text).unwrap();
    Flags {
        config: Some(path),
        ..Flags::default()
    }
}

#[test]
fn the_defaults_are_a_whole_configuration() {
    let config = load(&Flags::default(), &[]).unwrap();
    assert_eq!(config.front_door.listen.to_string(), "127.0.0.1:8443");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:9400");
    assert_eq!(config.state_dir, PathBuf::from("./var"));
    assert!(!config.demo);
    assert!(config.plugins.contains_key("lgpd-analyzer"));
}

#[test]
fn production_takes_no_plugin_that_nobody_signed_and_development_does() {
    let unsigned = |flags: &Flags| load(flags, &[]).unwrap().plugin_host.unsigned;
    assert_eq!(unsigned(&Flags::default()), Unsigned::Development);
    let production = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/production.toml");
    let flags = Flags {
        config: Some(production),
        ..Flags::default()
    };
    assert_eq!(unsigned(&flags), Unsigned::Refuse);
}

#[test]
fn a_publisher_that_cannot_be_trusted_is_refused_by_name() {
    let temp = tempfile::tempdir().unwrap();
    let of = |key: &str, plugins: &str| {
        let text =
            format!("[plugin_host.publishers.house]\nkey = \"{key}\"\nplugins = {plugins}\n");
        load(&file(temp.path(), &text), &[])
            .unwrap_err()
            .to_string()
    };
    let said = of("ssh-ed25519 AAAA", "[\"a\"]");
    assert!(said.contains("`plugin_host.publishers.house`"), "{said}");
    assert!(said.contains("`key` is no publisher's key"), "{said}");
    let secret = PublisherSecret::made().unwrap();
    let said = of(&secret.public().to_string(), "[]");
    assert!(said.contains("`plugins` is empty"), "{said}");
}

#[test]
fn a_file_is_stronger_than_defaults_the_environment_than_a_file_and_a_flag_than_all() {
    let temp = tempfile::tempdir().unwrap();
    let mut flags = file(
        temp.path(),
        "[audit]\nqueue = 1\n[database]\npool_size = 2\n",
    );
    let config = load(&flags, &[]).unwrap();
    assert_eq!((config.audit.queue, config.database.pool_size), (1, 2));
    let variable = [("PLANTAO__AUDIT__QUEUE", "3")];
    let config = load(&flags, &variable).unwrap();
    assert_eq!((config.audit.queue, config.database.pool_size), (3, 2));
    flags.set.push(("audit.queue".into(), "4".into()));
    assert_eq!(load(&flags, &variable).unwrap().audit.queue, 4);
}

#[test]
fn the_file_in_the_state_directory_is_read_unless_another_is_named() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join(STATE_FILE), "[audit]\nqueue = 7\n").unwrap();
    let dir = temp.path().to_str().unwrap();
    assert_eq!(
        load(&Flags::default(), &[("PLANTAO__STATE_DIR", dir)])
            .unwrap()
            .audit
            .queue,
        7
    );
    let named = file(temp.path(), "[audit]\nqueue = 8\n");
    assert_eq!(
        load(&named, &[("PLANTAO__STATE_DIR", dir)])
            .unwrap()
            .audit
            .queue,
        8
    );
    let path = named.config.unwrap();
    let both = [
        ("PLANTAO__STATE_DIR", dir),
        ("PLANTAO_CONFIG", path.to_str().unwrap()),
    ];
    assert_eq!(load(&Flags::default(), &both).unwrap().audit.queue, 8);
}

#[test]
fn a_relative_path_in_a_file_is_relative_to_that_file() {
    let temp = tempfile::tempdir().unwrap();
    let flags = file(temp.path(), "[plugin_host]\ndir = \"wasm\"\n");
    assert_eq!(
        load(&flags, &[]).unwrap().plugin_host.dir,
        temp.path().join("wasm")
    );
    let config = load(&flags, &[("PLANTAO__PLUGIN_HOST__DIR", "elsewhere")]).unwrap();
    assert_eq!(config.plugin_host.dir, PathBuf::from("elsewhere"));
}

#[test]
fn an_unknown_key_in_a_file_names_the_file_and_the_nearest_key() {
    let temp = tempfile::tempdir().unwrap();
    let said = load(&file(temp.path(), "[front_door]\nlisten_on = \"x\"\n"), &[])
        .unwrap_err()
        .to_string();
    assert!(said.contains("`front_door.listen_on`"), "{said}");
    assert!(said.contains("hospital.toml"), "{said}");
    assert!(said.contains("did you mean `front_door.listen`?"), "{said}");
}

#[test]
fn an_unknown_key_in_the_environment_names_the_variable() {
    let said = refused(&[("PLANTAO__AUDIT__QUEU", "3")]);
    assert!(
        said.contains("`audit.queu`") && said.contains("`PLANTAO__AUDIT__QUEU`"),
        "{said}"
    );
    assert!(said.contains("did you mean `audit.queue`?"), "{said}");
}

#[test]
fn an_unknown_section_is_refused_and_a_far_guess_is_not_offered() {
    let said = refused(&[("PLANTAO__ADMIM__LISTEN", "127.0.0.1:1")]);
    assert!(said.contains("did you mean `admin`?"), "{said}");
    let said = refused(&[("PLANTAO__XYZZY", "1")]);
    assert!(
        said.contains("`xyzzy`") && !said.contains("did you mean"),
        "{said}"
    );
}

#[test]
fn an_unknown_key_of_a_plugin_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let said = load(
        &file(temp.path(), "[plugins.echo]\nwasm=\"e.wasm\"\ngrant=[]\n"),
        &[],
    )
    .unwrap_err()
    .to_string();
    assert!(said.contains("`plugins.echo.grant`"), "{said}");
    assert!(
        said.contains("did you mean `plugins.echo.grants`?"),
        "{said}"
    );
}

#[test]
fn a_wrong_type_names_the_key_its_origin_and_what_was_expected() {
    let said = refused(&[("PLANTAO__DATABASE__POOL_SIZE", "many")]);
    assert!(said.contains("`database.pool_size`"), "{said}");
    assert!(said.contains("`PLANTAO__DATABASE__POOL_SIZE`"), "{said}");
    assert!(said.contains("usize") && said.contains("many"), "{said}");
}

#[test]
fn an_address_that_is_none_is_refused_by_key() {
    let said = refused(&[("PLANTAO__FRONT_DOOR__LISTEN", "everywhere")]);
    assert!(said.contains("`front_door.listen`"), "{said}");
    assert!(said.contains("`PLANTAO__FRONT_DOOR__LISTEN`"), "{said}");
}

#[test]
fn an_unknown_log_format_names_the_known_ones() {
    let said = refused(&[("PLANTAO__LOG__FORMAT", "xml")]);
    assert!(
        said.contains("`log.format`") && said.contains("`json`"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_its_name() {
    let temp = tempfile::tempdir().unwrap();
    let said = load(&file(temp.path(), "[front_door\n"), &[])
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("hospital.toml") && said.contains("not valid TOML"),
        "{said}"
    );
}

#[test]
fn a_named_file_that_is_not_there_is_refused() {
    let flags = Flags {
        config: Some("/nowhere/plantao.toml".into()),
        ..Flags::default()
    };
    let said = load(&flags, &[]).unwrap_err().to_string();
    assert!(said.contains("/nowhere/plantao.toml"), "{said}");
}

#[test]
fn what_must_be_given_together_is_refused_alone() {
    let said = refused(&[("PLANTAO__FRONT_DOOR__CERTIFICATE", "a.pem")]);
    assert!(said.contains("front_door.private_key"), "{said}");
    let said = refused(&[("PLANTAO__DATABASE__URL", "postgresql://h/d")]);
    assert!(said.contains("database.owner_url"), "{said}");
}

#[test]
fn the_admin_listener_stays_on_loopback() {
    let said = refused(&[("PLANTAO__ADMIN__LISTEN", "0.0.0.0:9400")]);
    assert!(
        said.contains("`admin.listen`") && said.contains("loopback"),
        "{said}"
    );
}

#[test]
fn a_database_url_is_not_shown_by_debug() {
    let both = [
        ("PLANTAO__DATABASE__URL", "postgresql://app:hunter2@h/d"),
        (
            "PLANTAO__DATABASE__OWNER_URL",
            "postgresql://owner:hunter2@h/d",
        ),
    ];
    let config = load(&Flags::default(), &both).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}
