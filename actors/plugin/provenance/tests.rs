//! Packages at the door: what is let in, and each way in which one is not.

use plantao_schema::plugin::MANIFEST_SECTION;
use plantao_schema::plugin::package::{SIGNATURE_SECTION, SignatureBlock};
use plantao_schema::plugin::sections::{MAGIC, custom};
use proptest::prelude::*;

use super::*;

fn module(name: &str, code: &[u8]) -> Vec<u8> {
    let manifest = format!("name = \"{name}\"\nversion = \"1.2.0\"\nfunctions = [\"run\"]\n");
    let carried = custom(MANIFEST_SECTION, manifest.as_bytes());
    [MAGIC, &carried, &custom("code", code)].concat()
}

/// Two publishers, `house` and `guild`, each with its key.
struct Market {
    house: PublisherSecret,
    guild: PublisherSecret,
    known: Publishers,
}

impl Market {
    fn open() -> Self {
        let (house, guild) = (
            PublisherSecret::made().unwrap(),
            PublisherSecret::made().unwrap(),
        );
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        let known = Publishers::new(Unsigned::Refuse)
            .with(
                "house",
                &house.public().to_string(),
                &names(&["echo", "reading-*"]),
            )
            .and_then(|known| known.with("guild", &guild.public().to_string(), &names(&["words"])));
        let known = known.unwrap();
        Self {
            house,
            guild,
            known,
        }
    }

    fn refusal(&self, plugin: &str, bytes: &[u8]) -> ProvenanceRefusal {
        match self.known.admit(plugin, bytes.to_vec()) {
            Err(PluginError::Provenance {
                plugin: named,
                refusal,
            }) => {
                assert_eq!(named, plugin);
                refusal
            }
            other => panic!("{other:?}"),
        }
    }

    fn package(&self, name: &str) -> Vec<u8> {
        self.house.sign(&module(name, b"x")).unwrap().bytes
    }
}

fn unsigned_by(publisher: &str, algorithm: &'static str) -> ProvenanceRefusal {
    ProvenanceRefusal::Signature {
        publisher: publisher.to_owned(),
        algorithm,
    }
}

#[test]
fn a_package_of_a_publisher_that_is_known_is_let_in_without_its_signature() {
    let market = Market::open();
    let module = module("echo", b"x");
    let signed = market.house.sign(&module).unwrap();
    let admitted = market.known.admit("echo", signed.bytes.clone()).unwrap();
    assert_eq!(admitted.bytes, module);
    assert_eq!(admitted.verified.unwrap().publisher, "house");
    let verified = market.known.verify(&signed.bytes).unwrap();
    assert_eq!(
        (verified.name.as_str(), verified.version.as_str()),
        ("echo", "1.2.0")
    );
    assert_eq!(verified.sha256, signed.sha256);
    // Signed again, by somebody else: the content is the same.
    let again = market.guild.sign(&signed.bytes).unwrap();
    assert_eq!(again.sha256, signed.sha256);
    assert_eq!(Package::split(&again.bytes).unwrap().signed, module);
}

#[test]
fn a_file_nobody_signed_is_for_development_alone() {
    let market = Market::open();
    let module = module("echo", b"x");
    assert_eq!(market.refusal("echo", &module), ProvenanceRefusal::Unsigned);
    let frame = ProvenanceRefusal::Package(PackageError::Frame);
    assert_eq!(market.refusal("echo", b"no module"), frame);
    let workshop = Publishers::new(Unsigned::Development);
    assert_eq!(
        workshop.admit("echo", module.clone()).unwrap().bytes,
        module
    );
    // But a signature that is there has to hold.
    let signed = market.package("echo");
    assert!(workshop.admit("echo", signed).is_err());
}

#[test]
fn a_publisher_that_is_not_known_or_may_not_is_refused_by_name() {
    let market = Market::open();
    let stranger = PublisherSecret::made().unwrap();
    let signed = stranger.sign(&module("echo", b"x")).unwrap().bytes;
    let key = stranger.public().id();
    let unknown = ProvenanceRefusal::UnknownPublisher { key };
    assert_eq!(market.refusal("echo", &signed), unknown);
    let signed = market.guild.sign(&module("echo", b"x")).unwrap().bytes;
    let (publisher, name) = ("guild".to_owned(), "echo".to_owned());
    let not_allowed = ProvenanceRefusal::NotAllowed { publisher, name };
    assert_eq!(market.refusal("echo", &signed), not_allowed);
    for (name, is_allowed) in [
        ("reading-ease", true),
        ("reading", false),
        ("echoes", false),
    ] {
        let signed = market.package(name);
        assert_eq!(
            market.known.admit(name, signed).is_ok(),
            is_allowed,
            "{name}"
        );
    }
    // In the place of another plugin it would have that one's grants.
    let name = "reading-ease".to_owned();
    let other = ProvenanceRefusal::OtherName { name };
    assert_eq!(
        market.refusal("echo", &market.package("reading-ease")),
        other
    );
}

#[test]
fn each_part_that_is_edited_is_refused_as_what_it_is() {
    let market = Market::open();
    let whole = market.package("echo");
    let signed = Package::split(&whole).unwrap().signed.len();
    let end = whole.len();
    let edited = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        market.refusal("echo", &bytes)
    };
    let no_classical = unsigned_by("house", "ed25519");
    // The last byte of the code, a digit of the version, the last letter of the name.
    assert_eq!(edited(signed - 1), no_classical);
    let find = |text: &[u8]| {
        whole
            .windows(text.len())
            .position(|part| part == text)
            .unwrap()
    };
    assert_eq!(edited(find(b"1.2.0")), no_classical);
    assert_eq!(edited(find(b"echo") + 3), no_classical);
    // The key, and the last byte of either signature.
    let key = find(SIGNATURE_SECTION.as_bytes()) + SIGNATURE_SECTION.len() + 1;
    assert!(matches!(
        edited(key),
        ProvenanceRefusal::UnknownPublisher { .. }
    ));
    assert_eq!(edited(key + 32 + 2 + 63), no_classical);
    assert_eq!(edited(end - 1), unsigned_by("house", "ml-dsa-65"));
}

#[test]
fn both_halves_of_a_key_have_to_sign_and_no_other_does() {
    let market = Market::open();
    let whole = market.package("echo");
    let package = Package::split(&whole).unwrap();
    let block = package.block.clone().unwrap();
    let with = |block: SignatureBlock| [package.signed, &block.section()].concat();
    let mut classical = block.clone();
    classical.ml_dsa_65 = None;
    let refused = market.refusal("echo", &with(classical.clone()));
    assert_eq!(refused, unsigned_by("house", "ml-dsa-65"));
    let mut lattice = block.clone();
    lattice.ed25519 = None;
    let refused = market.refusal("echo", &with(lattice));
    assert_eq!(refused, unsigned_by("house", "ed25519"));
    // A key of one half is another key, and takes no signature that it cannot check.
    let text = market.house.to_text();
    let half = PublisherSecret::parse(text.lines().next().unwrap()).unwrap();
    let known = Publishers::new(Unsigned::Refuse);
    let known = known.with("half", &half.public().to_string(), &["*".to_owned()]);
    let known = known.unwrap();
    let signed = half.sign(&whole).unwrap().bytes;
    assert_eq!(known.verify(&signed).unwrap().publisher, "half");
    let mut both = Package::split(&signed).unwrap().block.unwrap();
    both.ml_dsa_65 = block.ml_dsa_65;
    assert_eq!(
        known.verify(&with(both)),
        Err(unsigned_by("half", "ml-dsa-65"))
    );
}

#[test]
fn a_signature_in_another_package_or_beside_another_is_refused() {
    let market = Market::open();
    let (first, second) = (market.package("echo"), market.package("reading-ease"));
    let (first, second) = (
        Package::split(&first).unwrap(),
        Package::split(&second).unwrap(),
    );
    let section = |package: &Package<'_>| package.block.as_ref().unwrap().section();
    let swapped = [first.signed, &section(&second)].concat();
    assert_eq!(
        market.refusal("echo", &swapped),
        unsigned_by("house", "ed25519")
    );
    let twice = [first.signed, &section(&first), &section(&first)].concat();
    let two = ProvenanceRefusal::Package(PackageError::TwoSignatures);
    assert_eq!(market.refusal("echo", &twice), two);
    let trailing = [first.signed, &section(&first), &custom("later", b"")].concat();
    let after = ProvenanceRefusal::Package(PackageError::Trailing);
    assert_eq!(market.refusal("echo", &trailing), after);
}

#[test]
fn a_package_cut_off_anywhere_is_refused() {
    let market = Market::open();
    let whole = market.package("echo");
    let signed = Package::split(&whole).unwrap().signed.len();
    for end in 0..whole.len() {
        let refused = market.refusal("echo", &whole[..end]);
        // Where one section ends and the next has not begun there is a module without a signature.
        let is_cut = matches!(
            refused,
            ProvenanceRefusal::Package(PackageError::Frame) | ProvenanceRefusal::Unsigned
        );
        assert!(is_cut, "{end}: {refused}");
        assert!(
            end <= signed || refused != ProvenanceRefusal::Unsigned,
            "{end}"
        );
    }
}

#[test]
fn a_key_is_read_as_it_was_written_and_no_other_way() {
    let secret = PublisherSecret::made().unwrap();
    let text = secret.public().to_string();
    assert_eq!(PublisherKey::parse(&text), Ok(secret.public()));
    let (classical, lattice) = text.split_once(',').unwrap();
    for half in [classical, lattice] {
        assert_ne!(
            PublisherKey::parse(half).unwrap().id(),
            secret.public().id()
        );
    }
    let swapped = format!("{lattice},{classical}");
    let twice = format!("{classical},{classical}");
    let cut = &text[..text.len() - 4];
    for wrong in [
        "",
        "ed25519:",
        &swapped,
        &twice,
        cut,
        &format!("{text},"),
        "rsa:AAAA",
    ] {
        assert_eq!(
            PublisherKey::parse(wrong),
            Err(PublisherKeyError),
            "{wrong}"
        );
    }
    let again = PublisherSecret::parse(&secret.to_text()).unwrap();
    assert_eq!(again.public(), secret.public());
    assert!(!format!("{secret:?}").contains(':'));
}

#[test]
fn a_publisher_that_is_not_well_described_is_refused_by_its_field() {
    let (one, other) = (
        PublisherSecret::made().unwrap(),
        PublisherSecret::made().unwrap(),
    );
    let key = |secret: &PublisherSecret| secret.public().to_string();
    let names = ["a".to_owned()];
    let known = Publishers::new(Unsigned::Refuse);
    let known = known.with("one", &key(&one), &names).unwrap();
    let with = |key: &str, names: &[String]| known.clone().with("other", key, names).err();
    assert_eq!(with(&key(&other), &names), None);
    let same = PublisherError::SameKey("one".to_owned());
    assert_eq!(with(&key(&one), &names), Some(same));
    assert_eq!(
        with("none", &names),
        Some(PublisherError::Key(PublisherKeyError))
    );
    assert_eq!(with(&key(&other), &[]), Some(PublisherError::NoNames));
    let called = known.clone().with("Casa", &key(&other), &names).err();
    assert_eq!(called, Some(PublisherError::Called));
    for name in ["", "A", "a*b", "a.b"] {
        let refused = with(&key(&other), &[name.to_owned()]);
        assert_eq!(refused, Some(PublisherError::Name(name.to_owned())));
    }
}

#[test]
fn what_does_not_say_what_it_is_is_not_signed() {
    let secret = PublisherSecret::made().unwrap();
    let bare = [MAGIC, &custom("code", b"x")].concat();
    let none = SignError::Package(PackageError::NoManifest);
    assert_eq!(secret.sign(&bare).err(), Some(none));
    let wrong = [MAGIC, &custom(MANIFEST_SECTION, b"name = 3")].concat();
    assert!(matches!(secret.sign(&wrong), Err(SignError::Manifest(_))));
    let log = crate::signing::SigningKeys::made(&crate::signing::Algorithm::ALL).unwrap();
    assert_eq!(
        PublisherSecret::parse(&log.to_text()).err(),
        Some(SignError::Kinds)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_bytes_have_an_answer(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        is_signed in any::<bool>(),
        text in "[a-z0-9:,=+/]{0,60}",
    ) {
        let end = if is_signed { custom(SIGNATURE_SECTION, &bytes) } else { bytes };
        let file = [MAGIC, &end].concat();
        let known = Publishers::new(Unsigned::Refuse);
        prop_assert!(known.admit("a", file.clone()).is_err());
        prop_assert!(known.verify(&file).is_err());
        prop_assert!(PublisherKey::parse(&text).is_err());
    }
}
