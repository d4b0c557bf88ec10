//! A master key in a real PKCS#11 token (SoftHSM2), which never leaves it.
//!
//! The module is told where its tokens are by a variable of the environment, so each test runs in a
//! process of its own that has it.

use super::*;
use std::path::{Path, PathBuf};
use std::process::Command;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "482913";

/// Says to the second process that it is it, and where the tokens are.
const TOKENS: &str = "PLANTAO_TEST_TOKENS";

/// False in the process that has been told no tokens: by then another one has run the test.
fn has_tokens(test: &str) -> bool {
    if std::env::var_os(TOKENS).is_some() {
        return true;
    }
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("tokens");
    std::fs::create_dir(&folder).unwrap();
    let config = dir.path().join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        folder.display()
    );
    std::fs::write(&config, text).unwrap();
    std::fs::write(dir.path().join("pin"), format!("{PIN}\n")).unwrap();
    for label in ["plantao", "other"] {
        let made = Command::new("softhsm2-util")
            .args([
                "--init-token",
                "--free",
                "--label",
                label,
                "--so-pin",
                "5555555",
            ])
            .args(["--pin", PIN])
            .env("SOFTHSM2_CONF", &config)
            .output()
            .expect("softhsm2: `scripts/deps test` installs it");
        assert!(made.status.success(), "{made:?}");
    }
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("vault::tests::token::{test}")])
        .env("SOFTHSM2_CONF", &config)
        .env(TOKENS, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    false
}

/// The folder of the tokens, with the keys that the tests use.
fn tokens() -> PathBuf {
    PathBuf::from(std::env::var_os(TOKENS).unwrap())
}

fn make_keys() {
    for (label, extractable) in [("first", false), ("second", false), ("loose", true)] {
        softhsm::make_key(Path::new(MODULE), PIN, label, extractable);
    }
}

fn config(key: &str) -> TokenConfig {
    TokenConfig {
        module: PathBuf::from(MODULE),
        token: Some("plantao".to_owned()),
        slot: None,
        key: key.to_owned(),
        pin_file: tokens().join("pin"),
    }
}

#[tokio::test]
async fn a_key_in_a_token_serves_as_the_master_key_across_restarts() {
    if !has_tokens("a_key_in_a_token_serves_as_the_master_key_across_restarts") {
        return;
    }
    make_keys();
    let test = TestDatabase::create().await;
    let database = test.database();
    let (scope, maria) = (Scope::system(tenant("demo")), patient("maria"));
    let source = MasterKeySource::Token(config("first"));
    let vault = Vault::new();
    let tree = keeper_of(&vault, source.clone()).await;
    let key = vault.data_key(&database, &scope, &maria).await.unwrap();
    let sealed = seal(&key, &scope.tenant, "maria", b"body");
    tree.shutdown().await;
    let vault = Vault::new();
    let tree = keeper_of(&vault, source).await;
    let key = vault.data_key(&database, &scope, &maria).await.unwrap();
    let opened = opens(&key, &scope.tenant, "maria", &sealed);
    assert_eq!(opened.unwrap(), b"body");
    tree.shutdown().await;
    // Another key of the same token is another master key.
    let vault = Vault::new();
    let tree = keeper_of(&vault, MasterKeySource::Token(config("second"))).await;
    let refused = vault.data_key(&database, &scope, &maria).await;
    assert_eq!(refused.unwrap_err(), VaultError::OtherMasterKey);
    tree.shutdown().await;
}

#[tokio::test]
async fn from_a_file_to_a_token_and_to_its_next_key_by_rotation() {
    if !has_tokens("from_a_file_to_a_token_and_to_its_next_key_by_rotation") {
        return;
    }
    make_keys();
    let test = TestDatabase::create().await;
    let (database, dir) = (test.database(), tempfile::tempdir().unwrap());
    let (scope, maria) = (Scope::system(tenant("demo")), patient("maria"));
    let file = MasterKeySource::File(dir.path().join("master.key"));
    let (first, second) = (
        MasterKeySource::Token(config("first")),
        MasterKeySource::Token(config("second")),
    );
    let vault = Vault::new();
    let tree = keeper_of(&vault, file.clone()).await;
    let key = vault.data_key(&database, &scope, &maria).await.unwrap();
    let sealed = seal(&key, &scope.tenant, "maria", b"body");
    tree.shutdown().await;
    for (new, old) in [(first.clone(), file), (second, first)] {
        let vault = Vault::new();
        let rotations = Rotations::new(vault.clone(), database.clone());
        let intensity = Intensity::new(3, Duration::from_secs(5));
        let spec = SupervisorSpec::new(Strategy::OneForOne, intensity)
            .child(vault_child(&vault, new.clone().replacing(old)))
            .child(rotations.child());
        let tree = Tree::start("t", spec).await.unwrap();
        rotations
            .start(&scope.tenant, &Target::Master)
            .await
            .unwrap();
        assert_eq!(vault.incident().await.kind, IncidentKind::RotationFinished);
        tree.shutdown().await;
        // The old one is not needed any more.
        let vault = Vault::new();
        let rotations = Rotations::new(vault.clone(), database.clone());
        let tree = keeper_of(&vault, new).await;
        let key = vault.data_key(&database, &scope, &maria).await.unwrap();
        let opened = opens(&key, &scope.tenant, "maria", &sealed);
        assert_eq!(opened.unwrap(), b"body");
        let refused = rotations.start(&scope.tenant, &Target::Master).await;
        assert_eq!(refused.unwrap_err(), VaultError::NoNextMaster.into());
        tree.shutdown().await;
    }
}

#[test]
fn what_cannot_be_used_is_named_with_what_to_do() {
    if !has_tokens("what_cannot_be_used_is_named_with_what_to_do") {
        return;
    }
    make_keys();
    let refused = |config: TokenConfig| {
        let source = MasterKeySource::Token(config);
        let error = source.check(&Entropy::system()).err();
        error.map(|error| error.to_string()).unwrap_or_default()
    };
    let good = config("first");
    assert_eq!(refused(good.clone()), "");
    let missing = TokenConfig {
        module: "/nowhere/module.so".into(),
        ..good.clone()
    };
    assert!(refused(missing).contains("set `vault.pkcs11.module`"));
    let nowhere = TokenConfig {
        token: Some("nowhere".to_owned()),
        ..good.clone()
    };
    assert!(refused(nowhere).contains("set `vault.pkcs11.token`"));
    let either = TokenConfig {
        token: None,
        ..good.clone()
    };
    assert!(refused(either).contains("more than one token is meant"));
    let unknown = refused(config("unknown"));
    assert!(unknown.contains("no AES key `unknown`") && unknown.contains("vault.pkcs11.key"));
    let loose = refused(config("loose"));
    assert!(loose.contains("can be taken out of the token"), "{loose}");
    let no_pin = TokenConfig {
        pin_file: "/nowhere/pin".into(),
        ..good
    };
    assert!(refused(no_pin).contains("vault.pkcs11.pin_file"));
}

/// What an operator does with the tools of the token's maker.
mod softhsm {
    use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
    use cryptoki::mechanism::Mechanism;
    use cryptoki::object::Attribute;
    use cryptoki::session::UserType;
    use secrecy::SecretString;
    use std::path::Path;

    pub(super) fn make_key(module: &Path, pin: &str, label: &str, extractable: bool) {
        let context = Pkcs11::new(module).unwrap();
        let started = context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
        drop(started);
        let slots = context.get_slots_with_initialized_token().unwrap();
        let is_meant = |slot: &cryptoki::slot::Slot| {
            context.get_token_info(*slot).unwrap().label() == "plantao"
        };
        let slot = slots.into_iter().find(is_meant).unwrap();
        let session = context.open_rw_session(slot).unwrap();
        drop(session.login(UserType::User, Some(&SecretString::from(pin))));
        let template = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(extractable),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::ValueLen(32.into()),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(label.as_bytes().to_vec()),
        ];
        session
            .generate_key(&Mechanism::AesKeyGen, &template)
            .unwrap();
    }
}
