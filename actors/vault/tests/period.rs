//! The period key in its file: forward only, and never made twice.

use super::*;
use crate::vault::period::{FILE_BYTES, Periods, read, write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn periods(path: &Path) -> Periods {
    Periods::load(Some(path.to_owned()), &Entropy::system()).unwrap()
}

fn wrapped() -> WrappedTenantKey {
    WrappedTenantKey {
        version: 1,
        master: vec![1; NAME_BYTES],
        wrapped: vec![7; 61],
    }
}

#[tokio::test]
async fn a_period_that_is_over_opens_nothing_and_one_to_come_is_worked_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("period.key");
    let mut one = periods(&path);
    let first = one.current(None).await.unwrap().unwrap();
    assert_eq!(first.number, 1);
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let old = one.wrap("demo", wrapped(), first).unwrap();
    // Another node, with a copy of the file.
    let copy = dir.path().join("copy.key");
    std::fs::copy(&path, &copy).unwrap();
    let other = periods(&copy);
    let second = one.next(Some(first)).await.unwrap();
    let new = one.wrap("demo", wrapped(), second).unwrap();
    assert_eq!(
        other.unwrap("demo", &new).unwrap(),
        (wrapped(), Some(second))
    );
    let elsewhere = other.unwrap("north", &new).err();
    assert_eq!(elsewhere, Some(VaultError::Sealed));
    assert_eq!(one.unwrap("demo", &old).unwrap(), (wrapped(), Some(first)));
    one.settle(second).await.unwrap();
    for mut settled in [one, periods(&path)] {
        let refused = settled.unwrap("demo", &old).err();
        assert_eq!(refused, Some(VaultError::OtherPeriodKey));
        assert_eq!(settled.unwrap("demo", &new).unwrap().0, wrapped());
        settled.settle(first).await.unwrap();
        assert!(settled.unwrap("demo", &old).is_err(), "it does not go back");
    }
}

#[tokio::test]
async fn no_key_is_made_where_there_is_one_and_a_foreign_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, lost) = (dir.path().join("period.key"), dir.path().join("lost.key"));
    let mut one = periods(&path);
    let first = one.current(None).await.unwrap().unwrap();
    let key = one.wrap("demo", wrapped(), first).unwrap();
    let mut none = periods(&lost);
    let refused = none.current(Some(first)).await;
    assert_eq!(refused, Err(VaultError::OtherPeriodKey));
    assert!(!lost.exists());
    none.current(None).await.unwrap();
    let refused = none.unwrap("demo", &key).err();
    assert_eq!(refused, Some(VaultError::OtherPeriodKey));
    // Where there are no periods, what was wrapped without one opens.
    let off = Periods::load(None, &Entropy::system()).unwrap();
    assert_eq!(off.unwrap("demo", &wrapped()).unwrap(), (wrapped(), None));
}

#[test]
fn a_file_that_is_cut_or_that_others_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("period.key");
    write(&path, &[1; FILE_BYTES - 1]).unwrap();
    assert!(read(&path).is_err());
    write(&path, &[0; FILE_BYTES]).unwrap();
    let all = Periods::load(Some(path.clone()), &Entropy::system());
    assert!(all.is_err(), "no period has the number 0");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    assert!(read(&path).is_err());
}
