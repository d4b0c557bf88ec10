//! The memory blocks a guest exchanges with the host, kept on the host's side.
//!
//! Owns every block of one call and the addresses guests know them by. Refuses any access that is
//! not wholly inside one living block: Extism's own kernel keeps blocks in a second WebAssembly
//! memory whose block headers a guest can reach, and hostile guests crashed hosts through them.
//!
//! An address is `(slot + 1) << 32 | offset in the block`, so that 0 stays the null of the ABI, a
//! look-up is one bounds check, and arithmetic that leaves a block never lands in another.

/// Bits of an address that are the offset inside a block; no block is as long as 4 GiB.
const OFFSET_BITS: u32 = 32;
const OFFSET_MASK: u64 = (1 << OFFSET_BITS) - 1;
/// Host bytes a block costs beyond its content, charged so that empty-ish blocks are not free.
const BLOCK_OVERHEAD_BYTES: usize = 64;
/// Living and freed slots together: far above what a plugin uses, far below what hurts.
pub(super) const BLOCKS_MAX: usize = 65_536;

/// The access is not wholly inside one living block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfRange;

/// The blocks of one call.
#[derive(Debug, Default)]
pub(super) struct Arena {
    slots: Vec<Option<Box<[u8]>>>,
    free: Vec<usize>,
    bytes: usize,
}

impl Arena {
    /// Bytes charged to the guest's memory limit.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What a block of `length` bytes would be charged.
    pub(super) fn price(length: u64) -> Option<usize> {
        usize::try_from(length)
            .ok()?
            .checked_add(BLOCK_OVERHEAD_BYTES)
    }

    /// Whether no further block can be made.
    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty() && self.slots.len() >= BLOCKS_MAX
    }

    /// A new block with this content. The caller has checked [`Self::is_full`] and the limit.
    pub(super) fn insert(&mut self, content: Box<[u8]>) -> u64 {
        self.bytes += content.len() + BLOCK_OVERHEAD_BYTES;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(content);
        }
        (slot as u64 + 1) << OFFSET_BITS
    }

    /// Ends the block that starts at `address`.
    pub(super) fn remove(&mut self, address: u64) -> Result<(), OutOfRange> {
        let slot = start_of(address)?;
        let place = self.slots.get_mut(slot).ok_or(OutOfRange)?;
        let content = place.take().ok_or(OutOfRange)?;
        self.bytes = self
            .bytes
            .saturating_sub(content.len() + BLOCK_OVERHEAD_BYTES);
        self.free.push(slot);
        Ok(())
    }

    /// The whole block that starts at `address`.
    pub(super) fn block(&self, address: u64) -> Result<&[u8], OutOfRange> {
        let slot = start_of(address)?;
        self.slots
            .get(slot)
            .and_then(Option::as_deref)
            .ok_or(OutOfRange)
    }

    /// `length` bytes from `address` on.
    pub(super) fn read(&self, address: u64, length: u64) -> Result<&[u8], OutOfRange> {
        let (slot, from) = split(address)?;
        let length = usize::try_from(length).map_err(|_| OutOfRange)?;
        let block = self
            .slots
            .get(slot)
            .and_then(Option::as_deref)
            .ok_or(OutOfRange)?;
        let to = from.checked_add(length).ok_or(OutOfRange)?;
        block.get(from..to).ok_or(OutOfRange)
    }

    /// Eight or fewer bytes from `address` on.
    pub(super) fn read_array<const N: usize>(&self, address: u64) -> Result<[u8; N], OutOfRange> {
        self.read(address, N as u64)?
            .try_into()
            .map_err(|_| OutOfRange)
    }

    /// Overwrites bytes from `address` on.
    pub(super) fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), OutOfRange> {
        let (slot, from) = split(address)?;
        let block = self
            .slots
            .get_mut(slot)
            .and_then(Option::as_deref_mut)
            .ok_or(OutOfRange)?;
        let to = from.checked_add(bytes.len()).ok_or(OutOfRange)?;
        block
            .get_mut(from..to)
            .ok_or(OutOfRange)?
            .copy_from_slice(bytes);
        Ok(())
    }
}

fn split(address: u64) -> Result<(usize, usize), OutOfRange> {
    let slot = (address >> OFFSET_BITS).checked_sub(1).ok_or(OutOfRange)?;
    let slot = usize::try_from(slot).map_err(|_| OutOfRange)?;
    let offset = usize::try_from(address & OFFSET_MASK).map_err(|_| OutOfRange)?;
    Ok((slot, offset))
}

fn start_of(address: u64) -> Result<usize, OutOfRange> {
    match split(address)? {
        (slot, 0) => Ok(slot),
        _ => Err(OutOfRange),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn block(length: usize) -> Box<[u8]> {
        vec![0; length].into_boxed_slice()
    }

    #[test]
    fn a_block_holds_what_was_written_and_nothing_beyond_its_ends() {
        let mut arena = Arena::default();
        let first = arena.insert(block(10));
        let second = arena.insert(block(10));
        assert_ne!(first, 0);
        arena.write(first + 2, b"12345678").unwrap();
        assert_eq!(arena.block(first), Ok(b"\0\x0012345678".as_slice()));
        assert_eq!(arena.block(second), Ok([0; 10].as_slice()));
        assert_eq!(arena.write(first + 3, b"12345678"), Err(OutOfRange));
        assert_eq!(arena.read_array::<8>(first + 3), Err(OutOfRange));
        assert_eq!(arena.read(first, 11), Err(OutOfRange));
        assert_eq!(arena.read(first, u64::MAX), Err(OutOfRange));
    }

    #[test]
    fn a_freed_block_is_gone_and_freeing_twice_is_refused() {
        let mut arena = Arena::default();
        let address = arena.insert(block(10));
        let charged = arena.bytes();
        assert!(charged > 10);
        arena.remove(address).unwrap();
        assert_eq!(arena.bytes(), 0);
        assert_eq!(arena.remove(address), Err(OutOfRange));
        assert_eq!(arena.block(address), Err(OutOfRange));
    }

    proptest! {
        /// Beside a model that keeps each block under its address, reads and writes agree.
        #[test]
        fn the_arena_agrees_with_a_map_of_blocks(
            steps in prop::collection::vec(
                (0_u8..4, any::<u16>(), any::<u64>(), any::<u8>()),
                1..200,
            )
        ) {
            let mut arena = Arena::default();
            let mut model: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
            for (step, pick, wild, byte) in steps {
                let known = model.keys().nth(usize::from(pick) % model.len().max(1)).copied();
                let near = known.map_or(wild, |k| k.wrapping_add(u64::from(byte) % 40));
                match step {
                    0 => {
                        let length = usize::from(byte) % 32;
                        let address = arena.insert(block(length));
                        prop_assert!(model.insert(address, vec![0; length]).is_none());
                    }
                    1 => {
                        let expected = model.remove(&near).map(|_| ()).ok_or(OutOfRange);
                        prop_assert_eq!(arena.remove(near), expected);
                    }
                    2 => {
                        let home = model.range_mut(..=near).next_back().and_then(|(start, b)| {
                            b.get_mut(usize::try_from(near - start).ok()?)
                        });
                        let expected = home.map(|b| *b = byte).ok_or(OutOfRange);
                        prop_assert_eq!(arena.write(near, &[byte]), expected);
                    }
                    _ => {
                        let known = model.contains_key(&wild);
                        prop_assert_eq!(arena.block(wild).is_ok(), known);
                        let expected = model.get(&near).map(Vec::as_slice).ok_or(OutOfRange);
                        prop_assert_eq!(arena.block(near), expected);
                    }
                }
            }
        }
    }
}
