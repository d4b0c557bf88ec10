//! The spool's twin: bytes on the node's own disk, which is there when the trail's store is not.

use super::{Disk, Side};
use plantao_actors::audit::{SpoolError, SpoolStore, Spooling, spooled};
use std::io::ErrorKind;

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
            let kept = self.0.write_spool(|bytes| {
                if bytes.is_empty() {
                    return Err(ErrorKind::NotFound);
                }
                if bytes.len() < at {
                    return Err(ErrorKind::UnexpectedEof);
                }
                bytes.truncate(at);
                bytes.extend(record);
                Ok(spooled(bytes).pop())
            });
            let action = "append to";
            let kept = kept.map_err(|kind| SpoolError::Refused { action, kind })?;
            if let Some(entry) = kept {
                self.0.tell_spooled(entry.id);
            }
            self.0.reach(Side::After).await;
            self.0.pass().await;
            Ok(())
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
