//! What every start says of somebody else's database server for as long as it is so.
//!
//! With logins that may take each other's roles the trail is guarded by promises, and what goes in
//! clear over a network is anybody's. Neither is refused: a hospital that serves is better than one
//! that does not, and its operator is told.

use plantao_actors::database::{DatabaseConfig, login_holes};
use std::time::Duration;

/// A server that does not answer yet is asked again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Tells each setting by which something goes over a network in clear.
pub(super) fn tell_clear(config: &DatabaseConfig) {
    // What cannot be read was refused before.
    for setting in config.in_clear().unwrap_or_default() {
        tracing::warn!(
            setting,
            "IN CLEAR: the database is spoken to over a network without TLS: add \
             `sslmode=verify-full&sslrootcert=FILE` to its URL"
        );
    }
}

/// Asks the server what the login of requests may become, once it answers, and tells.
pub(super) async fn tell_logins(config: DatabaseConfig) {
    loop {
        match login_holes(&config).await {
            Ok(holes) => {
                for hole in holes {
                    tracing::error!(
                        hole,
                        "NOT SEPARATED: the login of `database.url` gets past the guards of the \
                         trail: give it plantao_app alone"
                    );
                }
                return;
            }
            Err(error) => tracing::debug!(%error, "the logins are not known yet"),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
