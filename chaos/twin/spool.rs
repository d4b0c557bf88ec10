//! The spool's twin: bytes on the node's own disk, which is there when the trail's store is not.

use super::{Disk, Side};
use plantao_actors::audit::{SpoolStore, Spooling};

/// See the module.
pub(crate) struct TwinSpool(pub(crate) Disk);

impl SpoolStore for TwinSpool {
    fn read(&self) -> Spooling<'_, Vec<u8>> {
        Box::pin(async {
            self.0.pass().await;
            Ok(self.0.inspect(|tables| tables.spool.clone()))
        })
    }

    fn append(&self, at: usize, record: Vec<u8>) -> Spooling<'_, ()> {
        Box::pin(async move {
            self.0.pass().await;
            self.0.reach(Side::Before).await;
            let is_there = self.0.write_spool(|bytes| {
                let is_there = bytes.len() >= at;
                if is_there {
                    bytes.truncate(at);
                    bytes.extend(record);
                }
                is_there
            });
            self.0.reach(Side::After).await;
            self.0.pass().await;
            let (action, kind) = ("append to", std::io::ErrorKind::UnexpectedEof);
            let cut = plantao_actors::audit::SpoolError::Refused { action, kind };
            is_there.then_some(()).ok_or(cut)
        })
    }

    fn replace(&self, bytes: Vec<u8>) -> Spooling<'_, ()> {
        Box::pin(async move {
            self.0.pass().await;
            self.0.write_spool(|kept| *kept = bytes);
            self.0.pass().await;
            Ok(())
        })
    }

    fn set_aside(&self, bytes: Vec<u8>) -> Spooling<'_, ()> {
        Box::pin(async move {
            self.0.pass().await;
            self.0.write_aside(bytes);
            Ok(())
        })
    }
}
