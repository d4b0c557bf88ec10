//! The files that pages refer to: one stylesheet and one script, named by what is in them.
//!
//! An address holds the hash of the file's bytes, so a browser may keep it for ever and a new
//! version of the product is fetched at once. Compiled in: a page never waits for a disk.

use aws_lc_rs::digest::{SHA256, digest};
use std::sync::LazyLock;

/// A file as it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// What it is.
    pub content_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// Sixteen hexadecimal digits of its SHA-256: the second segment of its address.
    pub hash: &'static str,
}

/// How long a browser may keep one: its bytes never change under this address.
pub const ASSET_CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AssetName {
    Script,
    Style,
}

struct Stored {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    hash: String,
    url: String,
}

// Hashes of compiled-in bytes: computed once, they can never differ between two readers.
static STORED: LazyLock<[Stored; 2]> = LazyLock::new(|| {
    let stored = |name, content_type, bytes| {
        let hash = hash(bytes);
        let url = format!("/assets/{hash}/{name}");
        Stored {
            name,
            content_type,
            bytes,
            hash,
            url,
        }
    };
    [
        stored(
            "live.js",
            "text/javascript; charset=utf-8",
            include_bytes!("assets/live.js"),
        ),
        stored(
            "style.css",
            "text/css; charset=utf-8",
            include_bytes!("assets/style.css"),
        ),
    ]
});

/// The file at a path such as `/assets/0123456789abcdef/style.css`; nothing when its hash is not
/// the file's, so that no wrong version is ever kept for ever.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let found = STORED.iter().find(|stored| stored.url == path)?;
    Some(Asset {
        content_type: found.content_type,
        bytes: found.bytes,
        hash: &found.hash,
    })
}

/// The address of a file by its name, `live.js` or `style.css`.
#[must_use]
pub fn asset_url(name: &str) -> Option<&'static str> {
    let found = STORED.iter().find(|stored| stored.name == name)?;
    Some(&found.url)
}

/// The address of one of the files.
pub(super) fn url(name: AssetName) -> &'static str {
    let [script, style] = &*STORED;
    match name {
        AssetName::Script => &script.url,
        AssetName::Style => &style.url,
    }
}

fn hash(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_under_its_hash_and_no_other() {
        let url = asset_url("style.css").unwrap();
        let found = asset(url).unwrap();
        assert_eq!(url, format!("/assets/{}/style.css", found.hash));
        assert_eq!(super::url(AssetName::Style), url);
        for path in [
            "/assets/0000000000000000/style.css",
            "/assets/../style.css",
            "/style.css",
        ] {
            assert_eq!(asset(path), None, "{path}");
        }
        assert_eq!(asset_url("other.css"), None);
    }

    #[test]
    fn the_script_is_a_script_and_the_style_loads_nothing_from_elsewhere() {
        let script = asset(asset_url("live.js").unwrap()).unwrap();
        assert!(script.content_type.starts_with("text/javascript"));
        let style = asset(asset_url("style.css").unwrap()).unwrap();
        let style = std::str::from_utf8(style.bytes).unwrap();
        assert!(!style.contains("url(") && !style.contains("@import") && !style.contains("http"));
    }
}
