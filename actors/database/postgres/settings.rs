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
    // A slot whose reader is gone keeps no more than this: WAL that fills the disk ends everything.
    ("max_slot_wal_keep_size", "16GB"),
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
    ("log_min_duration_sample", "-1"),
    ("log_transaction_sample_rate", "0"),
    // Trees of a statement, its constants included.
    ("debug_print_parse", "off"),
    ("debug_print_rewritten", "off"),
    ("debug_print_plan", "off"),
    // A library can log what it likes; auto_explain logs statements.
    ("shared_preload_libraries", ""),
    ("session_preload_libraries", ""),
    ("local_preload_libraries", ""),
    ("log_error_verbosity", "terse"),
    ("log_parameter_max_length", "0"),
    ("log_parameter_max_length_on_error", "0"),
];

/// A commit that is answered is on disk. Tests may do without: theirs is thrown away.
const DURABLE: &[(&str, &str)] = if cfg!(any(test, feature = "testing")) {
    &[]
} else {
    &[FSYNC]
};
const FSYNC: (&str, &str) = ("fsync", "on");

/// Every setting, in the order in which the server takes them: a later one wins.
pub(super) fn all(socket_dir: &Path, configured: &[(String, String)]) -> Vec<(String, String)> {
    guarded_by(DURABLE, socket_dir, configured)
}

fn guarded_by(
    durable: &[(&str, &str)],
    socket_dir: &Path,
    configured: &[(String, String)],
) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let sockets = (
        "unix_socket_directories".to_owned(),
        socket_dir.display().to_string(),
    );
    let base = BASE.iter().map(owned);
    base.chain(configured.iter().cloned())
        .chain(GUARDED.iter().chain(durable).map(owned))
        .chain([sockets])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_cannot_open_a_port_log_statements_or_lose_commits() {
        let wish = [
            ("listen_addresses", "*"),
            ("log_statement", "all"),
            ("log_transaction_sample_rate", "1"),
            ("log_min_duration_sample", "0"),
            ("debug_print_parse", "on"),
            ("debug_print_rewritten", "on"),
            ("debug_print_plan", "on"),
            ("shared_preload_libraries", "auto_explain"),
            ("session_preload_libraries", "auto_explain"),
            ("local_preload_libraries", "auto_explain"),
            ("full_page_writes", "off"),
            ("fsync", "off"),
            ("jit", "on"),
        ];
        let wish: Vec<_> = wish
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        // As outside tests.
        let all = guarded_by(&[FSYNC], Path::new("/run/x"), &wish);
        let last = |name: &str| all.iter().rev().find(|(n, _)| n == name).unwrap().1.clone();
        assert_eq!(last("listen_addresses"), "");
        assert_eq!(last("log_statement"), "none");
        assert_eq!(last("log_transaction_sample_rate"), "0");
        assert_eq!(last("log_min_duration_sample"), "-1");
        for off in ["parse", "rewritten", "plan"] {
            assert_eq!(last(&format!("debug_print_{off}")), "off");
        }
        for none in ["shared", "session", "local"] {
            assert_eq!(last(&format!("{none}_preload_libraries")), "");
        }
        assert_eq!(last("full_page_writes"), "on");
        assert_eq!(last("fsync"), "on");
        assert_eq!(last("jit"), "on");
    }
}
