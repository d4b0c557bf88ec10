//! Events are numbered without a gap.

use plantao_supervisors::Lifecycle;

#[derive(Default)]
pub(crate) struct Numbering {
    last: u64,
}

impl Numbering {
    /// The next event is the one after `last`.
    pub(crate) fn begin(&mut self, last: u64) {
        self.last = last;
    }

    pub(crate) fn hear(&mut self, event: &Lifecycle) -> Result<(), String> {
        let expected = self.last + 1;
        self.last = event.seq;
        if event.seq == expected {
            Ok(())
        } else {
            Err(format!("event {} follows {}", event.seq, expected - 1))
        }
    }
}
