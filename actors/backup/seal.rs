//! A stream of authenticated chunks: AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar,
//! Rogaway, Vizár 2015), one key per file.
//!
//! Each chunk's nonce is its number and whether it is the last, so that a chunk opens in its own
//! place alone: exchanged, missing, repeated and appended chunks do not open, and neither does a
//! stream that was cut. Nothing of a chunk is handed on before the whole of it is authenticated.

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use std::io::{self, Read, Write};

/// Plain bytes in a chunk: large enough that tags cost nothing, small enough to hold twice.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

const TAG_BYTES: usize = 16;
const SEALED_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

/// What is wrong with a stream, and where. Bytes are counted from the start of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A chunk does not open.
    #[error(
        "chunk {chunk}, at byte {byte}, does not open: it was changed, or is another one's place"
    )]
    Changed {
        /// Its number, from 0.
        chunk: u32,
        /// Where it begins.
        byte: u64,
    },
    /// The stream ends before its last chunk.
    #[error("the file ends at byte {byte}, before chunk {chunk}: its end was cut off")]
    Cut {
        /// The first chunk that is missing.
        chunk: u32,
        /// Where it would begin.
        byte: u64,
    },
    /// The stream ends inside of a chunk that does not open.
    #[error(
        "chunk {chunk}, at byte {byte}, does not open and the file ends in it, at byte {end}: it \
         was cut or changed"
    )]
    Torn {
        /// Its number, from 0.
        chunk: u32,
        /// Where it begins.
        byte: u64,
        /// Where the file ends.
        end: u64,
    },
    /// Something comes after the last chunk.
    #[error("the file goes on at byte {byte}, after its last chunk: something was appended")]
    Appended {
        /// Where.
        byte: u64,
    },
    /// More chunks than can be told apart: 256 TiB.
    #[error("the stream is too long for one key")]
    TooLong,
}

impl From<SealError> for io::Error {
    fn from(error: SealError) -> Self {
        Self::other(error)
    }
}

fn nonce(chunk: u32, last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    let parts = [0; 7]
        .into_iter()
        .chain(chunk.to_be_bytes())
        .chain([u8::from(last)]);
    for (to, from) in bytes.iter_mut().zip(parts) {
        *to = from;
    }
    Nonce::assume_unique_for_key(bytes)
}

/// Seals what is written to it. Only [`Sealer::finish`] makes it whole.
pub(super) struct Sealer<W> {
    to: W,
    key: LessSafeKey,
    chunk: u32,
    plain: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    /// The key must be this file's own: no nonce is drawn.
    pub(super) fn new(to: W, key: LessSafeKey) -> Self {
        let plain = Vec::with_capacity(SEALED_BYTES);
        Self {
            to,
            key,
            chunk: 0,
            plain,
        }
    }

    /// Writes the last chunk.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let nonce = nonce(self.chunk, last);
        self.key
            .seal_in_place_append_tag(nonce, Aad::empty(), &mut self.plain)
            .map_err(|_| SealError::TooLong)?;
        self.to.write_all(&self.plain)?;
        self.plain.clear();
        self.chunk = self.chunk.checked_add(1).ok_or(SealError::TooLong)?;
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits until something follows it: it may be the last.
        if self.plain.len() == CHUNK_BYTES && !bytes.is_empty() {
            self.seal(false)?;
        }
        let room = CHUNK_BYTES.saturating_sub(self.plain.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.plain.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a stream as it is read. Its end is only reached where the stream's is.
pub(super) struct Opener<R> {
    from: R,
    key: LessSafeKey,
    chunk: u32,
    byte: u64,
    ahead: Option<Vec<u8>>,
    plain: Vec<u8>,
    given: usize,
    is_over: bool,
}

impl<R: Read> Opener<R> {
    /// `byte` is where in the file the stream begins.
    pub(super) fn new(from: R, key: LessSafeKey, byte: u64) -> Self {
        Self {
            from,
            key,
            chunk: 0,
            byte,
            ahead: None,
            plain: Vec::new(),
            given: 0,
            is_over: false,
        }
    }

    fn fetch(&mut self) -> io::Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(SEALED_BYTES);
        let limit = u64::try_from(SEALED_BYTES).unwrap_or(u64::MAX);
        (&mut self.from).take(limit).read_to_end(&mut sealed)?;
        Ok(sealed)
    }

    /// Opens the next chunk into `plain`.
    fn advance(&mut self) -> io::Result<()> {
        let mut sealed = match self.ahead.take() {
            Some(sealed) => sealed,
            None => self.fetch()?,
        };
        let (chunk, byte, length) = (self.chunk, self.byte, sealed.len());
        if sealed.is_empty() {
            return Err(SealError::Cut { chunk, byte }.into());
        }
        let next = if length == SEALED_BYTES {
            self.fetch()?
        } else {
            Vec::new()
        };
        let is_last = next.is_empty();
        let end = byte.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if !self.open(&mut sealed, is_last) {
            let mut other = sealed;
            return Err(match (is_last, self.open(&mut other, !is_last)) {
                (true, true) => SealError::Cut {
                    chunk: chunk.saturating_add(1),
                    byte: end,
                },
                (false, true) => SealError::Appended { byte: end },
                (true, false) if length < SEALED_BYTES => SealError::Torn { chunk, byte, end },
                (_, false) => SealError::Changed { chunk, byte },
            }
            .into());
        }
        (self.plain, self.given) = (sealed, 0);
        (self.ahead, self.is_over) = (Some(next), is_last);
        self.chunk = chunk.checked_add(1).ok_or(SealError::TooLong)?;
        self.byte = end;
        Ok(())
    }

    /// Opens a chunk in its place; leaves it as it was where it does not open.
    fn open(&self, sealed: &mut Vec<u8>, last: bool) -> bool {
        let mut opened = sealed.clone();
        let nonce = nonce(self.chunk, last);
        match self.key.open_in_place(nonce, Aad::empty(), &mut opened) {
            Ok(plain) => {
                let length = plain.len();
                opened.truncate(length);
                *sealed = opened;
                true
            }
            Err(_) => false,
        }
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.given == self.plain.len() {
            if self.is_over {
                return Ok(0);
            }
            self.advance()?;
        }
        let left = self.plain.get(self.given..).unwrap_or_default();
        let count = left.len().min(to.len());
        if let (Some(to), Some(from)) = (to.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.given = self.given.saturating_add(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::aead::{AES_256_GCM, UnboundKey};
    use proptest::prelude::*;

    fn key() -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap())
    }

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(Vec::new(), key());
        sealer.write_all(plain).unwrap();
        sealer.finish().unwrap()
    }

    fn opened(sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut plain = Vec::new();
        let read = Opener::new(sealed, key(), 100).read_to_end(&mut plain);
        match read {
            Ok(_) => Ok(plain),
            Err(error) => Err(error.downcast::<SealError>().unwrap()),
        }
    }

    #[test]
    fn what_was_sealed_opens_whatever_its_length() {
        for length in [
            0,
            1,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
            3 * CHUNK_BYTES,
        ] {
            let plain: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let stream = sealed(&plain);
            let chunks = length.div_ceil(CHUNK_BYTES).max(1);
            assert_eq!(stream.len(), length + chunks * TAG_BYTES);
            assert_eq!(opened(&stream).unwrap(), plain, "{length}");
        }
    }

    #[test]
    fn a_cut_is_named_with_its_byte_wherever_it_is() {
        let stream = sealed(&vec![5; 2 * CHUNK_BYTES + 10]);
        let place = |chunk: usize| 100 + (chunk * SEALED_BYTES) as u64;
        for chunk in [0, 1, 2] {
            let cut = opened(&stream[..chunk * SEALED_BYTES]).unwrap_err();
            let (chunk, byte) = (chunk as u32, place(chunk));
            assert_eq!(cut, SealError::Cut { chunk, byte });
        }
        let torn = opened(&stream[..SEALED_BYTES + 40]).unwrap_err();
        let (byte, end) = (place(1), place(1) + 40);
        assert_eq!(
            torn,
            SealError::Torn {
                chunk: 1,
                byte,
                end
            }
        );
    }

    #[test]
    fn what_was_exchanged_repeated_left_out_or_appended_does_not_open() {
        let plain: Vec<u8> = (0..4 * CHUNK_BYTES)
            .map(|n| (n / CHUNK_BYTES) as u8)
            .collect();
        let stream = sealed(&plain);
        let parts: Vec<&[u8]> = stream.chunks(SEALED_BYTES).collect();
        let changed = |chunk: u32| SealError::Changed {
            chunk,
            byte: 100 + u64::from(chunk) * SEALED_BYTES as u64,
        };
        let of = |order: &[usize]| {
            let bytes: Vec<u8> = order.iter().flat_map(|n| parts[*n].to_vec()).collect();
            opened(&bytes).unwrap_err()
        };
        assert_eq!(of(&[0, 2, 1, 3]), changed(1));
        assert_eq!(of(&[0, 1, 1, 2, 3]), changed(2));
        assert_eq!(of(&[0, 2, 3]), changed(1));
        assert_eq!(of(&[3]), changed(0));
        let byte = 100 + stream.len() as u64;
        assert_eq!(of(&[0, 1, 2, 3, 0]), SealError::Appended { byte });
    }

    proptest! {
        #[test]
        fn no_flipped_bit_goes_unseen(length in 0..3 * CHUNK_BYTES, at: usize, bit in 0..8_u8) {
            let mut stream = sealed(&vec![9; length]);
            let at = at % stream.len();
            stream[at] ^= 1 << bit;
            prop_assert!(opened(&stream).is_err());
        }
    }
}
