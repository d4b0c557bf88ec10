//! WebSocket frames as a server writes them (RFC 6455, section 5.2): never masked, so that one
//! frame's bytes are the same for every viewer and are written once for all of them.

use bytes::{BufMut, Bytes, BytesMut};

/// FIN and the opcode of a text.
const TEXT: u8 = 0x81;
/// Longest payload whose length is in the header's second byte.
const SHORT_MAX: usize = 125;
/// In the second byte: the length follows in two bytes, or in eight.
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// The heartbeat, whole.
pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b"\x81\x010");

/// A text message in one frame.
pub(super) fn text(payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(payload.len() + 10);
    frame.put_u8(TEXT);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short), _) if payload.len() <= SHORT_MAX => frame.put_u8(short),
        (_, Ok(length)) => {
            frame.put_u8(LENGTH_16);
            frame.put_u16(length);
        }
        _ => {
            frame.put_u8(LENGTH_64);
            frame.put_u64(payload.len() as u64);
        }
    }
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::diff::wire;
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};
    use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};

    fn read(frame: &[u8]) -> Message {
        let wire = std::io::Cursor::new(frame.to_vec());
        let config = Some(WebSocketConfig::default());
        WebSocket::from_raw_socket(wire, Role::Client, config)
            .read()
            .unwrap()
    }

    #[test]
    fn a_frame_of_every_length_is_read_back_by_another_implementation() {
        for length in [0, 1, 62, 125, 126, 127, 65_535, 65_536, 200_000] {
            let payload = "a".repeat(length);
            let frame = text(payload.as_bytes());
            assert_eq!(read(&frame), Message::text(payload), "{length}");
        }
    }

    #[test]
    fn a_payload_of_62_bytes_is_64_on_the_wire() {
        assert_eq!(text(&[b'0'; 62]).len(), 64);
    }

    #[test]
    fn the_heartbeat_is_the_frame_of_its_payload() {
        assert_eq!(HEARTBEAT, text(wire::HEARTBEAT));
    }
}
