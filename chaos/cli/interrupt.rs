//! Ctrl-C, or a polite order to end: what runs stops at its next schedule and tells what it found.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// Whether somebody wants an end. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on. Where the system does not let it, Ctrl-C ends the process as ever.
    pub(super) fn listen() -> Self {
        let interrupt = Self::default();
        let heard = interrupt.clone();
        // Ends with the process.
        let _listening = std::thread::Builder::new()
            .name("interrupt".to_owned())
            .spawn(move || {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                if let Ok(runtime) = runtime.enable_io().build() {
                    runtime.block_on(heard.wait());
                }
            });
        interrupt
    }

    async fn wait(self) {
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            return;
        };
        loop {
            tokio::select! {
                _heard = interrupt.recv() => {}
                _heard = terminate.recv() => {}
            }
            // Whoever asks twice does not want to wait.
            if self.0.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(super::ABORTED));
            }
        }
    }

    /// Whether anybody asked.
    pub(super) fn is_heard(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// As if somebody had.
    #[cfg(test)]
    pub(super) fn hear(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
