//! The operators' doors: reads over HTTP on loopback, changes over a private Unix socket.
//!
//! The TCP listener asks for no credentials, so it can change nothing, shows no PHI (supervision
//! paths hold pseudonyms of sessions only as counts and hashes) and answers only to loopback names
//! (a web page elsewhere cannot read it through a forged name). The socket's file mode 0600 is its
//! credential; every change through it is audited before and after.
//!
//! `/v1/supervision` is a versioned contract: fields are added, never changed.

mod accounts;
mod changes;
mod door;
mod health;
mod http;
mod socket;
mod trail;
mod vault;

pub use door::{DoorParts, child as door_child};
pub use health::{AdminServices, TreeCell};
pub use socket::{SocketParts, child as socket_child};
pub use trail::TrailHealth;
