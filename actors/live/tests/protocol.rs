//! RFC 6455 from a hostile or clumsy other end, byte by byte.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const MASKED: u8 = 0x80;

/// A frame as a client has to send it: masked, its length as short as may be.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut frame = header(first, payload.len() as u64);
    frame.extend(mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

fn header(first: u8, length: u64) -> Vec<u8> {
    let mut header = vec![first];
    match length {
        0..=125 => header.push(MASKED | length as u8),
        126..=65_535 => {
            header.push(MASKED | 126);
            header.extend((length as u16).to_be_bytes());
        }
        _ => {
            header.push(MASKED | 127);
            header.extend(length.to_be_bytes());
        }
    }
    header
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason);
    frame(FIN | CLOSE, &payload)
}

/// The next frame of the server that is neither data nor a ping: opcode and payload.
async fn control(io: &mut DuplexStream) -> Option<(u8, Vec<u8>)> {
    loop {
        let mut head = [0; 2];
        timeout(SOON, io.read_exact(&mut head))
            .await
            .unwrap()
            .ok()?;
        assert_eq!(head[0] & 0x70, 0, "reserved bits");
        assert_eq!(head[1] & MASKED, 0, "a server does not mask");
        let length = match head[1] {
            126 => usize::from(io.read_u16().await.unwrap()),
            127 => io.read_u64().await.unwrap() as usize,
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        io.read_exact(&mut payload).await.unwrap();
        let opcode = head[0] & 0x0F;
        if !matches!(opcode, TEXT | PING) {
            return Some((opcode, payload));
        }
    }
}

/// The code of the server's close frame, after which the server's half of the connection ends.
async fn close_code(io: &mut DuplexStream) -> u16 {
    let (opcode, payload) = control(io).await.expect("a close frame");
    assert_eq!(opcode, CLOSE);
    u16::from_be_bytes([payload[0], payload[1]])
}

async fn refused(stage: &Stage, bytes: &[u8], reason: CloseReason) {
    let (mut io, end) = stage.raw().await;
    io.write_all(bytes).await.unwrap();
    assert_eq!(Some(close_code(&mut io).await), reason.code(), "{bytes:?}");
    assert_eq!(io.read(&mut [0; 8]).await.unwrap(), 0, "{bytes:?}");
    drop(io);
    assert_eq!(end.await, reason, "{bytes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_says_something_is_refused() {
    let stage = stage().await;
    let reason = CloseReason::DataRefused;
    refused(&stage, &frame(FIN | TEXT, b"hello"), reason).await;
    refused(&stage, &frame(FIN | TEXT, b""), reason).await;
    refused(&stage, &frame(FIN | BINARY, &[0; 1_024]), reason).await;
    assert_eq!(stage.live.counts().closed(reason), 3);
}

#[tokio::test(start_paused = true)]
async fn fragments_are_put_together_around_control_frames_and_then_refused() {
    let stage = stage().await;
    let (mut io, end) = stage.raw().await;
    io.write_all(&frame(TEXT, b"hel")).await.unwrap();
    io.write_all(&frame(FIN | PING, b"between")).await.unwrap();
    let answer = control(&mut io).await;
    assert_eq!(answer, Some((PONG, b"between".to_vec())));
    io.write_all(&frame(CONTINUATION, b"lo")).await.unwrap();
    io.write_all(&frame(FIN | CONTINUATION, b"")).await.unwrap();
    assert_eq!(close_code(&mut io).await, 1003);
    drop(io);
    assert_eq!(end.await, CloseReason::DataRefused);
}

#[tokio::test(start_paused = true)]
async fn what_is_larger_than_a_kibibyte_is_refused_before_it_is_there() {
    let stage = stage().await;
    let reason = CloseReason::TooBig;
    refused(&stage, &frame(FIN | TEXT, &[b'a'; 1_025]), reason).await;
    for length in [1_025, 65_536, u64::from(u32::MAX), u64::MAX >> 1, u64::MAX] {
        let mut announced = header(FIN | BINARY, length);
        announced.extend([0; 4]);
        refused(&stage, &announced, reason).await;
    }
    let mut fragments = frame(TEXT, &[b'a'; 1_000]);
    fragments.extend(frame(FIN | CONTINUATION, &[b'a'; 25]));
    refused(&stage, &fragments, reason).await;
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_with_its_own_bytes() {
    let stage = stage().await;
    let (mut io, _end) = stage.raw().await;
    for payload in [&b""[..], b"x", &[0xFF; 125]] {
        io.write_all(&frame(FIN | PING, payload)).await.unwrap();
        assert_eq!(control(&mut io).await, Some((PONG, payload.to_vec())));
    }
    // Nobody asked for this one, which is allowed.
    io.write_all(&frame(FIN | PONG, b"here")).await.unwrap();
    io.write_all(&frame(FIN | PING, b"still")).await.unwrap();
    assert_eq!(control(&mut io).await, Some((PONG, b"still".to_vec())));
}

#[tokio::test(start_paused = true)]
async fn frames_that_the_protocol_forbids_end_the_connection() {
    let stage = stage().await;
    let mut unmasked = frame(FIN | PING, b"");
    unmasked.truncate(2);
    unmasked[1] = 0;
    let mut twice = frame(TEXT, b"a");
    twice.extend(frame(FIN | TEXT, b"b"));
    let mut forbidden = vec![
        unmasked,
        twice,
        frame(FIN | PING, &[0; 126]),
        frame(FIN | PONG, &[0; 126]),
        frame(FIN | CLOSE, &[0; 126]),
        frame(PING, b""),
        frame(CLOSE, b""),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, b"a"),
        frame(FIN | CLOSE, b"\x03"),
    ];
    let reserved = [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF];
    forbidden.extend(reserved.map(|opcode| frame(FIN | opcode, b"")));
    forbidden.extend([0x40, 0x20, 0x10].map(|bit| frame(FIN | bit | TEXT, b"")));
    forbidden.extend([0x40, 0x20, 0x10].map(|bit| frame(FIN | bit | PING, b"")));
    for bytes in forbidden {
        refused(&stage, &bytes, CloseReason::Malformed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_not_utf8_is_told_so() {
    let stage = stage().await;
    let reason = CloseReason::NotUtf8;
    for text in [
        &b"\xff"[..],
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"ok\xf4\x90\x80\x80",
        b"\xc3",
    ] {
        refused(&stage, &frame(FIN | TEXT, text), reason).await;
    }
    let mut cut = frame(TEXT, b"caf\xc3");
    cut.extend(frame(FIN | CONTINUATION, b"\x28"));
    refused(&stage, &cut, reason).await;
    // A character across two fragments is a text like any other.
    let mut whole = frame(TEXT, b"caf\xc3");
    whole.extend(frame(FIN | CONTINUATION, b"\xa9"));
    refused(&stage, &whole, CloseReason::DataRefused).await;
    refused(&stage, &close(1000, b"\xff\xfe"), reason).await;
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_is_answered_with_its_own_code() {
    let stage = stage().await;
    for code in [1000, 1001, 1003, 1007, 1011, 3000, 3999, 4000, 4999] {
        let (mut io, end) = stage.raw().await;
        io.write_all(&close(code, "até já".as_bytes()))
            .await
            .unwrap();
        assert_eq!(close_code(&mut io).await, code);
        assert_eq!(io.read(&mut [0; 8]).await.unwrap(), 0);
        drop(io);
        assert_eq!(end.await, CloseReason::Goodbye);
    }
    let (mut io, end) = stage.raw().await;
    io.write_all(&frame(FIN | CLOSE, b"")).await.unwrap();
    assert_eq!(control(&mut io).await, Some((CLOSE, Vec::new())));
    drop(io);
    assert_eq!(end.await, CloseReason::Goodbye);
}

#[tokio::test(start_paused = true)]
async fn codes_that_nobody_may_send_are_answered_with_a_protocol_error() {
    let stage = stage().await;
    for code in [
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535,
    ] {
        let (mut io, _end) = stage.raw().await;
        io.write_all(&close(code, b"")).await.unwrap();
        assert_eq!(close_code(&mut io).await, 1002, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_goodbye_is_not_read() {
    let stage = stage().await;
    let (mut io, end) = stage.raw().await;
    let mut bytes = close(1000, b"");
    bytes.extend(frame(FIN | TEXT, b"one more thing"));
    io.write_all(&bytes).await.unwrap();
    assert_eq!(close_code(&mut io).await, 1000);
    drop(io);
    assert_eq!(end.await, CloseReason::Goodbye);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_without_a_goodbye_is_told_apart() {
    let stage = stage().await;
    // At once, in the middle of a header, in the middle of a payload.
    for bytes in [&b""[..], &[FIN | TEXT], &frame(FIN | TEXT, b"hello")[..8]] {
        let (mut io, end) = stage.raw().await;
        io.write_all(bytes).await.unwrap();
        io.shutdown().await.unwrap();
        assert_eq!(end.await, CloseReason::Disconnected);
        let mut rest = Vec::new();
        timeout(SOON, io.read_to_end(&mut rest))
            .await
            .unwrap()
            .unwrap();
    }
    stage
        .until("room for others", |stage| {
            stage.live.counts().viewers() == 0
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_may_come_byte_by_byte_and_before_the_connection_is_handed_over() {
    let stage = stage().await;
    let (mut io, _end) = stage.raw().await;
    for byte in frame(FIN | PING, b"slow") {
        io.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(control(&mut io).await, Some((PONG, b"slow".to_vec())));

    let (mut ours, theirs) = tokio::io::duplex(4_096);
    let early = frame(FIN | PING, b"early");
    let (read, rest) = early.split_at(5);
    ours.write_all(rest).await.unwrap();
    let read = Bytes::copy_from_slice(read);
    let permit = stage.permit(stage.access());
    let raw = RawSocket { io: theirs, read };
    let _end = stage.attach(&permit, here(None), raw).await.unwrap();
    assert_eq!(control(&mut ours).await, Some((PONG, b"early".to_vec())));
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_does_nothing_but_ping_is_shown_out() {
    let stage = stage().await;
    let flood = frame(FIN | PING, b"").repeat(100);
    let (mut io, end) = stage.raw().await;
    io.write_all(&flood).await.unwrap();
    let code = loop {
        match control(&mut io).await {
            Some((PONG, _)) => {}
            Some((CLOSE, payload)) => break u16::from_be_bytes([payload[0], payload[1]]),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 1008);
    drop(io);
    assert_eq!(end.await, CloseReason::Flood);
}
