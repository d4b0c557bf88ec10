//! Packages taken apart: one form each, and an answer to whatever is handed in.

use super::*;
use crate::plugin::sections::MAGIC;
use proptest::collection::vec;
use proptest::prelude::*;

fn block() -> SignatureBlock {
    SignatureBlock {
        key: KeyId([7; 32]),
        ed25519: Some(vec![1; ED25519_BYTES]),
        ml_dsa_65: Some(vec![2; ML_DSA_65_BYTES]),
    }
}

fn module() -> Vec<u8> {
    [MAGIC, &custom(MANIFEST_SECTION, b"name = \"a\"")].concat()
}

fn package() -> Vec<u8> {
    [module(), block().section()].concat()
}

#[test]
fn a_package_is_a_module_and_its_signature() {
    let (module, package) = (module(), package());
    let split = Package::split(&package).unwrap();
    assert_eq!(split.signed, module);
    assert_eq!(split.block, Some(block()));
    assert_eq!(split.manifest(), Ok("name = \"a\""));
    let unsigned = Package::split(&module).unwrap();
    assert_eq!(unsigned.block, None);
    assert_eq!(unsigned.hash(), split.hash());
}

#[test]
fn what_comes_after_the_signature_is_refused() {
    let trailing = [package(), custom("later", b"")].concat();
    assert_eq!(Package::split(&trailing), Err(PackageError::Trailing));
    let code = [package().as_slice(), &[10, 1, 0]].concat();
    assert_eq!(Package::split(&code), Err(PackageError::Trailing));
    let twice = [package(), block().section()].concat();
    assert_eq!(Package::split(&twice), Err(PackageError::TwoSignatures));
}

#[test]
fn a_package_cut_off_anywhere_in_its_signature_is_refused() {
    let (module, package) = (module(), package());
    for end in module.len() + 1..package.len() {
        let refused = Package::split(&package[..end]);
        assert_eq!(refused, Err(PackageError::Frame), "{end}");
    }
}

#[test]
fn a_length_with_spare_bytes_is_refused() {
    let section = block().section();
    // One more byte for the same length: the last one says nothing.
    let mut longer = section[..3].to_vec();
    longer[2] |= 0x80;
    longer.push(0);
    longer.extend(&section[3..]);
    let spare = [module(), longer].concat();
    let expected = "lengths without spare bytes";
    let refused = Err(PackageError::Block { expected });
    assert_eq!(Package::split(&spare), refused);
}

#[test]
fn a_block_that_is_none_says_what_was_expected() {
    let whole = block().to_bytes();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        match SignatureBlock::parse(&bytes) {
            Err(PackageError::Block { expected }) => expected,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(with(&|bytes| bytes.clear()), "a version");
    assert_eq!(with(&|bytes| bytes[0] = 2), "version 1");
    assert_eq!(with(&|bytes| bytes.truncate(20)), "a key of 32 bytes");
    let ed25519 = "an Ed25519 signature of 64 bytes, or none";
    assert_eq!(with(&|bytes| bytes[34] = 63), ed25519);
    let ml_dsa = "an ML-DSA-65 signature of 3309 bytes, or none";
    assert_eq!(with(&|bytes| bytes.truncate(whole.len() - 1)), ml_dsa);
    assert_eq!(with(&|bytes| bytes.push(0)), "nothing after the signatures");
    let mut none = whole[..33].to_vec();
    none.extend([0; 4]);
    let expected = "at least one signature";
    let refused = Err(PackageError::Block { expected });
    assert_eq!(SignatureBlock::parse(&none), refused);
}

#[test]
fn a_manifest_is_there_once_and_is_text() {
    let of = |sections: &[Vec<u8>]| {
        let module = [MAGIC, &sections.concat()].concat();
        Package::split(&module).unwrap().manifest().err()
    };
    let manifest = || custom(MANIFEST_SECTION, b"a");
    assert_eq!(of(&[]), Some(PackageError::NoManifest));
    let twice = of(&[manifest(), manifest()]);
    assert_eq!(twice, Some(PackageError::TwoManifests));
    let bytes = of(&[custom(MANIFEST_SECTION, b"\xff")]);
    assert_eq!(bytes, Some(PackageError::ManifestNotText));
}

#[test]
fn no_two_statements_have_the_same_words() {
    let of = |key: u8, hash: u8, name, version| {
        let (key, hash) = (KeyId([key; 32]), ContentHash([hash; 32]));
        let statement = Statement {
            key,
            hash,
            name,
            version,
        };
        statement.message()
    };
    let first = of(1, 2, "ab", "c");
    for other in [
        of(2, 2, "ab", "c"),
        of(1, 1, "ab", "c"),
        of(1, 2, "a", "bc"),
        of(1, 2, "ab", "d"),
    ] {
        assert_ne!(first, other);
    }
    assert!(first.starts_with(CONTEXT));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_bytes_have_an_answer(bytes in vec(any::<u8>(), 0..300), is_module in any::<bool>()) {
        let magic: &[u8] = if is_module { MAGIC } else { &[] };
        let module = [magic, &bytes].concat();
        if let Ok(package) = Package::split(&module) {
            let _ = (package.manifest(), package.hash());
            prop_assert!(module.starts_with(package.signed));
        }
        let _ = SignatureBlock::parse(&bytes);
    }

    #[test]
    fn a_package_with_one_byte_changed_is_refused_or_says_something_else(
        at in any::<prop::sample::Index>(),
        by in 1..=u8::MAX,
    ) {
        let whole = package();
        let mut changed = whole.clone();
        changed[at.index(whole.len())] ^= by;
        let (was, is) = (Package::split(&whole).unwrap(), Package::split(&changed));
        prop_assert!(is.is_err() || is != Ok(was));
    }

    #[test]
    fn a_block_is_read_as_it_was_written(
        key in any::<[u8; 32]>(),
        classical in any::<u8>(),
        lattice in any::<u8>(),
        kinds in 1..4_u8,
    ) {
        let block = SignatureBlock {
            key: KeyId(key),
            ed25519: (kinds & 1 != 0).then(|| vec![classical; ED25519_BYTES]),
            ml_dsa_65: (kinds & 2 != 0).then(|| vec![lattice; ML_DSA_65_BYTES]),
        };
        prop_assert_eq!(SignatureBlock::parse(&block.to_bytes()), Ok(block));
    }
}
