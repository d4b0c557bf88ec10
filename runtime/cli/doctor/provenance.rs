//! Where the plugins come from: each file as the host will look at it.

use super::Finding;
use crate::config::Config;
use plantao_actors::plugin::Unsigned;

const WHAT: &str = "plugin origins";

/// Nothing to say where there are no plugins.
pub(super) fn plugins(config: &Config) -> Option<Finding> {
    if config.plugins.is_empty() {
        return None;
    }
    let known = match config.plugin_host.publishers() {
        Ok(known) => known,
        Err(error) => return Some(Finding::fail(WHAT, error.to_string(), "see what it says")),
    };
    let mut unsigned = Vec::new();
    for (name, plugin) in &config.plugins {
        let path = config.plugin_host.dir.join(&plugin.wasm);
        match known.look(name, &path) {
            Ok(None) => unsigned.push(name.as_str()),
            Ok(Some(_)) => {}
            Err(error) => {
                let todo = "`plantao plugin verify FILE` looks at one file; `plantao plugin sign` \
                            makes a package of one's own";
                return Some(Finding::fail(WHAT, error.to_string(), todo));
            }
        }
    }
    if known.unsigned() == Unsigned::Refuse {
        let found = format!("{} are packages of publishers", config.plugins.len());
        return Some(Finding::ok(WHAT, found));
    }
    let found = if unsigned.is_empty() {
        "a file that nobody signed would be loaded".to_owned()
    } else {
        format!("nobody signed {}", unsigned.join(", "))
    };
    let todo = "sign them (`plantao plugin sign`), name the publisher in `plugin_host.publishers` \
                and set `plugin_host.unsigned = \"refuse\"`";
    Some(Finding::warn(WHAT, found, todo))
}
