//! What a master key wraps, from which source, and what is refused.

use super::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn load(path: &Path) -> Result<Vec<Master>, MasterKeyError> {
    MasterKeySource::from(path).load(&Entropy::system())
}

fn fresh(entropy: &Entropy) -> Master {
    Master::of(&random(entropy).unwrap(), entropy).unwrap()
}

#[test]
fn no_key_is_made_while_nothing_can_be_drawn() {
    let entropy = Entropy::seeded(1);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    entropy.fail_next(1);
    let refused = MasterKeySource::from(&path).load(&entropy).err().unwrap();
    assert!(matches!(
        refused,
        MasterKeyError::Cipher(VaultError::Random)
    ));
    assert!(!path.exists() && !path.with_extension("new").exists());
}

#[tokio::test]
async fn the_first_start_makes_a_key_that_the_second_reads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    let bytes = random(&Entropy::system()).unwrap();
    let first = load(&path).unwrap().remove(0);
    let wrapped = first.wrap("demo", 1, &bytes).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let again = load(&path).unwrap().remove(0);
    assert_eq!(*again.unwrap("demo", &wrapped).await.unwrap(), *bytes);
    assert!(!path.with_extension("new").exists());
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    load(&path).unwrap();
    for mode in [0o640, 0o604, 0o644, 0o660, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = load(&path).err().unwrap().to_string();
        assert!(error.contains("chmod 600"), "{mode:o}: {error}");
    }
}

#[test]
fn a_short_file_and_a_link_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    fs::write(&path, [0; 31]).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(load(&path), Err(MasterKeyError::Length { .. })));
    let link = dir.path().join("link.key");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(load(&link), Err(MasterKeyError::File { .. })));
}

#[tokio::test]
async fn a_tenants_key_opens_for_its_tenant_its_version_and_its_master_only() {
    let entropy = Entropy::system();
    let (master, other) = (fresh(&entropy), fresh(&entropy));
    let bytes = random(&entropy).unwrap();
    let wrapped = master.wrap("demo", 1, &bytes).await.unwrap();
    assert_eq!(*master.unwrap("demo", &wrapped).await.unwrap(), *bytes);
    let refused = Err(VaultError::Sealed);
    assert_eq!(master.unwrap("other", &wrapped).await, refused);
    let renumbered = WrappedTenantKey {
        version: 2,
        ..wrapped.clone()
    };
    assert_eq!(master.unwrap("demo", &renumbered).await, refused);
    let renamed = WrappedTenantKey {
        master: other.name().to_vec(),
        ..wrapped.clone()
    };
    assert_eq!(master.unwrap("demo", &renamed).await, refused);
    assert_eq!(other.unwrap("demo", &wrapped).await, refused);
}

#[test]
fn a_credential_is_a_key_of_exactly_32_bytes_and_nothing_is_written_without_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master");
    let source = MasterKeySource::Credential(path.clone());
    let refused = |said: &str| {
        let error = source.load(&Entropy::system()).err().unwrap().to_string();
        assert!(error.contains(said), "{error}");
        assert!(error.contains("LoadCredentialEncrypted="), "{error}");
    };
    refused("cannot be read");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    fs::write(&path, [7; 31]).unwrap();
    refused("shorter");
    fs::write(&path, [7; 33]).unwrap();
    refused("longer");
    fs::write(&path, [7; 32]).unwrap();
    let held = MasterKeySource::held([7; 32]);
    let name = |source: &MasterKeySource| source.load(&Entropy::system()).unwrap()[0].name();
    assert_eq!(name(&source), name(&held));
}

#[test]
fn a_replaced_key_file_stays_aside_and_replacing_again_changes_nothing() {
    let (dir, entropy) = (tempfile::tempdir().unwrap(), Entropy::system());
    let path = dir.path().join("master.key");
    let source = MasterKeySource::from(&path);
    let old = load(&path).unwrap()[0].name();
    let new = source.next(&entropy).unwrap().unwrap().name();
    assert_ne!(old, new);
    assert_eq!(source.next(&entropy).unwrap().unwrap().name(), new, "once");
    let names: Vec<_> = load(&path).unwrap().iter().map(Master::name).collect();
    assert_eq!(names, [old, new], "both are held meanwhile");
    source.settle(old, &entropy).unwrap();
    assert_eq!(load(&path).unwrap().len(), 2, "not for the wrong one");
    for _ in 0..2 {
        source.settle(new, &entropy).unwrap();
        let names: Vec<_> = load(&path).unwrap().iter().map(Master::name).collect();
        assert_eq!(names, [new]);
    }
    let files = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 2, "the new one and the old one aside");
}
