//! Packages in their tree: who is let in at a start and at a reload, and what is told of them.

use plantao_schema::plugin::MANIFEST_SECTION;
use plantao_schema::plugin::sections::custom;

use super::guests::{COUNTER, wasm};
use super::ward::{Ward, plugin};
use crate::plugin::{
    PluginError, PluginState, ProvenanceRefusal, PublisherSecret, Publishers, Unsigned,
};

/// A guest that says who it is.
fn guest(version: &str) -> Vec<u8> {
    let manifest = format!("name = \"guest\"\nversion = \"{version}\"\nfunctions = [\"run\"]\n");
    [wasm(COUNTER), custom(MANIFEST_SECTION, manifest.as_bytes())].concat()
}

/// A ward that takes packages of one publisher alone.
fn strict(secret: &PublisherSecret) -> Ward {
    let key = secret.public().to_string();
    let known = Publishers::new(Unsigned::Refuse);
    let known = known.with("house", &key, &["guest".to_owned()]).unwrap();
    Ward::with(|host, _| host.publishers = known)
}

fn unsigned() -> PluginError {
    PluginError::Provenance {
        plugin: "guest".to_owned(),
        refusal: ProvenanceRefusal::Unsigned,
    }
}

#[tokio::test]
async fn a_package_is_loaded_under_the_hash_that_its_publisher_signed() {
    let secret = PublisherSecret::made().unwrap();
    let mut ward = strict(&secret);
    let signed = secret.sign(&guest("1.0.0")).unwrap();
    ward.write("guest", &signed.bytes);
    ward.start([plugin("guest")]).await;
    let answer = ward.call("guest", "").await.unwrap();
    assert_eq!(
        (answer.text.as_str(), &answer.sha256),
        ("1", &signed.sha256)
    );
    let status = ward.status("guest");
    assert_eq!(status.publisher.as_deref(), Some("house"));
    assert_eq!(status.sha256, Some(signed.sha256));
}

#[tokio::test]
async fn a_file_nobody_signed_is_refused_at_the_start_and_no_compiler_sees_it() {
    let mut ward = strict(&PublisherSecret::made().unwrap());
    ward.write("guest", &guest("1.0.0"));
    ward.start([plugin("guest")]).await;
    assert_eq!(ward.call("guest", "").await, Err(unsigned()));
    let status = ward.status("guest");
    assert_eq!(
        (status.state, status.publisher),
        (PluginState::Refused, None)
    );
    assert!(status.reason.unwrap().contains("is not signed"));
    assert_eq!(ward.plugins.counts().compiled, 0);
}

#[tokio::test]
async fn a_reload_takes_the_next_package_and_keeps_the_old_one_from_what_is_none() {
    let secret = PublisherSecret::made().unwrap();
    let mut ward = strict(&secret);
    let first = secret.sign(&guest("1.0.0")).unwrap();
    ward.write("guest", &first.bytes);
    ward.start([plugin("guest")]).await;
    let next = secret.sign(&guest("1.1.0")).unwrap();
    let mut edited = next.bytes.clone();
    let digit = edited.windows(5).position(|part| part == b"1.1.0").unwrap();
    edited[digit] = b'9';
    ward.write("guest", &edited);
    let refused = ward.plugins.reload("guest").await;
    let signature = ProvenanceRefusal::Signature {
        publisher: "house".to_owned(),
        algorithm: "ed25519",
    };
    let expected = PluginError::Provenance {
        plugin: "guest".to_owned(),
        refusal: signature,
    };
    assert_eq!(refused, Err(expected));
    ward.write("guest", &guest("1.1.0"));
    assert_eq!(ward.plugins.reload("guest").await, Err(unsigned()));
    assert_eq!(ward.call("guest", "").await.unwrap().sha256, first.sha256);
    ward.write("guest", &next.bytes);
    assert_eq!(ward.plugins.reload("guest").await, Ok(next.sha256.clone()));
    assert_eq!(ward.call("guest", "").await.unwrap().sha256, next.sha256);
}
