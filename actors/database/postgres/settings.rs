//! The server settings of a private cluster.
//!
//! Refuses to let the server log what it is told: no statement, no parameter, no detail that quotes
//! a row. What is left are starts, stops and crashes. Given on the command line, so that an edited
//! `postgresql.conf` cannot open a port or loosen durability unseen.

use std::path::Path;

/// Built-in settings; those of the configuration come after and win, except for the guarded ones.
const BASE: &[(&str, &str)] = &[
    ("max_connections", "100"),
    ("shared_buffers", "128MB"),
    // Frequent checkpoints halve the audit's rate.
    ("max_wal_size", "4GB"),
    // Requests are short: compiling a query costs more than running it.
    ("jit", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("cluster_name", "plantao"),
    ("log_checkpoints", "off"),
    ("log_autovacuum_min_duration", "-1"),
];

/// What no configuration may change.
const GUARDED: &[(&str, &str)] = &[
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("logging_collector", "off"),
    ("log_destination", "stderr"),
    ("log_line_prefix", ""),
    // Above ERROR: an error's text may quote a value. LOG, FATAL and PANIC are about the server.
    ("log_min_messages", "log"),
    ("log_min_error_statement", "panic"),
    ("log_statement", "none"),
    ("log_min_duration_statement", "-1"),
    ("log_error_verbosity", "terse"),
    ("log_parameter_max_length", "0"),
    ("log_parameter_max_length_on_error", "0"),
];

/// Every setting, in the order in which the server takes them: a later one wins.
pub(super) fn all(socket_dir: &Path, configured: &[(String, String)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let sockets = (
        "unix_socket_directories".to_owned(),
        socket_dir.display().to_string(),
    );
    let base = BASE.iter().map(owned);
    base.chain(configured.iter().cloned())
        .chain(GUARDED.iter().map(owned))
        .chain([sockets])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_cannot_open_a_port_or_log_statements() {
        let wish = [
            ("listen_addresses", "*"),
            ("log_statement", "all"),
            ("jit", "on"),
        ];
        let wish: Vec<_> = wish
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let all = all(Path::new("/run/x"), &wish);
        let last = |name: &str| all.iter().rev().find(|(n, _)| n == name).unwrap().1.clone();
        assert_eq!(last("listen_addresses"), "");
        assert_eq!(last("log_statement"), "none");
        assert_eq!(last("jit"), "on");
    }
}
