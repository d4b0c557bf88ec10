//! Packages end to end: made, verified, served by a hospital that takes nothing else.

use std::os::unix::fs::PermissionsExt;

use super::Shop;
use crate::hospital::{Hospital, root, text};

const PLANTAO: &str = "target/debug/plantao plugin";

/// A shop with the analyzer, signed as `signed.wasm` under `house.key`; and the public half.
fn signed(shop: &Shop) -> String {
    let analyzer = root().join("plugins/dist/lgpd-analyzer.wasm");
    std::fs::copy(analyzer, shop.path("plain.wasm")).unwrap();
    shop.must(&format!("{PLANTAO} keygen house.key > house.pub"));
    let told = shop.must(&format!(
        "{PLANTAO} sign plain.wasm --key house.key -o signed.wasm"
    ));
    assert!(told.contains("signed lgpd-analyzer 0.1.0"), "{told}");
    let public = std::fs::read_to_string(shop.path("house.pub")).unwrap();
    public.trim_end().to_owned()
}

/// The module with one byte of its code changed.
fn edited(module: &[u8]) -> Vec<u8> {
    let mut edited = module.to_vec();
    edited[module.len() / 2] ^= 1;
    edited
}

#[test]
fn a_key_is_its_owner_s_alone_and_is_never_printed_or_written_over() {
    let shop = Shop::open();
    let public = signed(&shop);
    assert!(
        public.starts_with("ed25519:") && public.contains(",ml-dsa-65:"),
        "{public}"
    );
    let path = shop.path("house.key");
    let secret = std::fs::read_to_string(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (_, said) = shop.refusal(&format!("{PLANTAO} keygen house.key"));
    assert!(said.contains("cannot write `house.key`"), "{said}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), secret);
    for line in secret.lines() {
        let half = line.split(' ').nth(1).unwrap();
        assert!(!public.contains(half) && !said.contains(half));
    }
    let sign = format!("{PLANTAO} sign plain.wasm --key house.key -o other.wasm");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    let (_, said) = shop.refusal(&sign);
    assert!(said.contains("`house.key` is open to others"), "{said}");
    assert!(!shop.path("other.wasm").exists());
}

#[test]
fn a_package_verifies_by_its_key_and_nothing_else_does() {
    let shop = Shop::open();
    signed(&shop);
    let verify = |file: &str| format!("{PLANTAO} verify {file} --key house.pub");
    let told = shop.must(&verify("signed.wasm"));
    assert!(
        told.contains("lgpd-analyzer 0.1.0 by the key in house.pub"),
        "{told}"
    );
    assert!(
        shop.must(&format!("{PLANTAO} check signed.wasm"))
            .contains("the host takes it")
    );
    let package = std::fs::read(shop.path("signed.wasm")).unwrap();
    std::fs::write(shop.path("edited.wasm"), edited(&package)).unwrap();
    shop.must(&format!("{PLANTAO} keygen other.key > other.pub"));
    let other = format!("{PLANTAO} verify signed.wasm --key other.pub");
    for (command, reason) in [
        (verify("plain.wasm"), "is not signed"),
        (verify("edited.wasm"), "has no ed25519 signature"),
        (other, "of no publisher"),
        (format!("{PLANTAO} verify signed.wasm"), "of no publisher"),
        (
            format!("{PLANTAO} verify signed.wasm --publisher none"),
            "no publisher is called `none`",
        ),
    ] {
        let (_, said) = shop.refusal(&command);
        assert!(said.contains(reason), "`{command}`: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hospital_that_takes_packages_serves_one_and_keeps_it_from_what_is_none() {
    let shop = Shop::open();
    let public = signed(&shop);
    let served = shop.path("served.wasm");
    std::fs::copy(shop.path("signed.wasm"), &served).unwrap();
    let settings = [
        "plugin_host.unsigned=refuse".to_owned(),
        format!("plugin_host.publishers.house.key=\"{public}\""),
        "plugin_host.publishers.house.plugins=[\"lgpd-*\"]".to_owned(),
        format!("plugins.lgpd-analyzer.wasm={}", served.display()),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let hospital = Hospital::start_with(&settings).await;
    let told = hospital.must(&["plugins"]).await;
    assert!(told.contains("house"), "{told}");
    let reload = ["reload", "plugin", "lgpd-analyzer"];
    for (file, reason) in [
        ("plain.wasm", "is not signed"),
        ("edited.wasm", "signature"),
    ] {
        if file == "edited.wasm" {
            let package = std::fs::read(shop.path("signed.wasm")).unwrap();
            std::fs::write(shop.path(file), edited(&package)).unwrap();
        }
        std::fs::copy(shop.path(file), &served).unwrap();
        let refused = hospital.run(&reload).await;
        let said = text(&refused.stderr);
        assert!(!refused.status.success() && said.contains(reason), "{said}");
    }
    let still = hospital.must(&["plugins"]).await;
    assert_eq!(still, told, "the package that was loaded serves on");
    hospital.finish().await;
}
