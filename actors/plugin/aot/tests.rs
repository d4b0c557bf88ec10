//! A folder that somebody else has been at.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::entropy::Entropy;

use super::{AotCache, AotKeyError, ArtefactName, Found, RefusedFile};

const ROOM: u64 = 1024 * 1024;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("plugins/aot")
    }

    fn key(&self) -> PathBuf {
        self.dir.path().join("aot.key")
    }

    fn open(&self) -> AotCache {
        self.open_with(ROOM)
    }

    fn open_with(&self, most_bytes: u64) -> AotCache {
        AotCache::open(&self.folder(), &self.key(), most_bytes, &Entropy::system()).unwrap()
    }

    fn file(&self, name: &ArtefactName) -> PathBuf {
        self.folder().join(&name.file)
    }
}

fn name(module: u8) -> ArtefactName {
    ArtefactName::of(&[module; 32], &[7; 32])
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_was_kept_is_found_again_after_a_restart_and_is_the_owners_alone() {
    let place = Place::new();
    assert_eq!(place.open().find(&name(1)), Found::Nothing);
    place.open().keep(&name(1), b"machine code").unwrap();
    let found = place.open().find(&name(1));
    assert_eq!(found, Found::Code(b"machine code".to_vec()));
    assert_eq!(mode(&place.folder()), 0o700);
    assert_eq!(mode(&place.file(&name(1))), 0o600);
    assert_eq!(mode(&place.key()), 0o600);
}

#[test]
fn a_file_with_any_bit_changed_or_cut_anywhere_is_refused() {
    let place = Place::new();
    let cache = place.open();
    cache.keep(&name(1), b"machine code").unwrap();
    let whole = fs::read(place.file(&name(1))).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(place.file(&name(1)), bytes).unwrap();
        assert_eq!(cache.find(&name(1)), Found::Refused(RefusedFile::Seal));
    };
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        refused(&bytes);
    }
    for length in 0..whole.len() {
        refused(&whole[..length]);
    }
    refused(&[whole.as_slice(), b"\0"].concat());
    fs::write(place.file(&name(1)), &whole).unwrap();
    assert_eq!(cache.find(&name(1)), Found::Code(b"machine code".to_vec()));
}

#[test]
fn a_file_in_the_place_of_another_is_refused() {
    let place = Place::new();
    let cache = place.open();
    let other_settings = ArtefactName::of(&[1; 32], &[8; 32]);
    let names = [name(1), name(2), other_settings];
    for name in &names {
        cache.keep(name, name.file.as_bytes()).unwrap();
    }
    let whole = names
        .each_ref()
        .map(|name| fs::read(place.file(name)).unwrap());
    for (at, name) in names.iter().enumerate() {
        for (from, bytes) in whole.iter().enumerate() {
            fs::write(place.file(name), bytes).unwrap();
            let expected = if from == at {
                Found::Code(name.file.clone().into_bytes())
            } else {
                Found::Refused(RefusedFile::OtherName)
            };
            assert_eq!(cache.find(name), expected);
        }
    }
}

#[test]
fn a_file_sealed_under_another_key_is_refused() {
    let (place, elsewhere) = (Place::new(), Place::new());
    elsewhere.open().keep(&name(1), b"machine code").unwrap();
    let cache = place.open();
    fs::copy(elsewhere.file(&name(1)), place.file(&name(1))).unwrap();
    assert_eq!(cache.find(&name(1)), Found::Refused(RefusedFile::Seal));
}

#[test]
fn a_file_others_may_write_or_that_is_none_is_refused() {
    let place = Place::new();
    let cache = place.open();
    cache.keep(&name(1), b"machine code").unwrap();
    let path = place.file(&name(1));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
    assert_eq!(cache.find(&name(1)), Found::Refused(RefusedFile::Unfit));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let aside = path.with_extension("aside");
    fs::rename(&path, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &path).unwrap();
    let found = cache.find(&name(1));
    assert_eq!(found, Found::Refused(RefusedFile::Unreadable));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(cache.find(&name(1)), Found::Refused(RefusedFile::Unfit));
}

#[test]
fn a_key_that_is_not_its_owners_alone_is_refused() {
    let place = Place::new();
    place.open();
    let entropy = Entropy::system();
    let open = || AotCache::open(&place.folder(), &place.key(), ROOM, &entropy).map(drop);
    fs::set_permissions(place.key(), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(open(), Err(AotKeyError::Unfit { .. })));
    fs::set_permissions(place.key(), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(open().is_ok());
    fs::write(place.key(), [0; 31]).unwrap();
    assert!(matches!(open(), Err(AotKeyError::Unfit { .. })));
}

#[test]
fn of_first_starts_at_once_all_have_the_same_key() {
    let place = Place::new();
    let caches: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| place.open())).collect();
        starts.into_iter().map(|s| s.join().unwrap()).collect()
    });
    caches[0].keep(&name(1), b"machine code").unwrap();
    for cache in &caches {
        assert_eq!(cache.find(&name(1)), Found::Code(b"machine code".to_vec()));
    }
    let beside = fs::read_dir(place.dir.path()).unwrap();
    let names: Vec<_> = beside.map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn the_folder_stays_within_its_size_and_what_was_used_stays_longest() {
    let place = Place::new();
    let cache = place.open_with(3_000);
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    for module in 0..3_u8 {
        cache.keep(&name(module), &[module; 800]).unwrap();
        let file = fs::File::options()
            .write(true)
            .open(place.file(&name(module)));
        file.unwrap().set_modified(at(u64::from(module))).unwrap();
    }
    // Used again, the oldest is the youngest.
    assert!(matches!(cache.find(&name(0)), Found::Code(_)));
    fs::write(place.folder().join("1-0.unfinished"), b"half").unwrap();
    cache.keep(&name(3), &[3; 800]).unwrap();
    let there = [0, 1, 2, 3].map(|module| matches!(cache.find(&name(module)), Found::Code(_)));
    assert_eq!(there, [true, false, true, true]);
    assert!(!place.folder().join("1-0.unfinished").exists());
}
