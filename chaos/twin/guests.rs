//! What runs in the place of plugins: an analyzer that answers as the real one does, and now and
//! then traps or never ends, as untrusted code may.

use super::Disk;
use futures_util::future::BoxFuture;
use plantao_actors::plugin::{GuestTwin, TwinStop};
use plantao_schema::phi;

/// A text with this word makes the guest trap.
pub(crate) const TRAPS: &str = "armadilha";
/// One with this word keeps it busy for ever.
pub(crate) const LOOPS: &str = "infinito";

/// See the module. How long a call takes is drawn as a disk's exchanges are.
pub(crate) struct Guests(pub(crate) Disk);

impl GuestTwin for Guests {
    fn has(&self, plugin: &str, function: &str) -> bool {
        (plugin, function) == ("lgpd-analyzer", "analyze")
    }

    fn run<'a>(
        &'a self,
        _plugin: &'a str,
        _function: &'a str,
        input: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, TwinStop>> {
        Box::pin(async move {
            self.0.pass().await;
            let text = String::from_utf8_lossy(input);
            if text.contains(TRAPS) {
                return Err(TwinStop::Trapped);
            }
            if text.contains(LOOPS) {
                std::future::pending::<()>().await;
            }
            serde_json::to_vec(&phi::analyze(&text)).map_err(|_| TwinStop::Failed(1))
        })
    }
}
