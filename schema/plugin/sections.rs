//! The frame of a binary WebAssembly module: sections one after the other, each with its length.
//!
//! Owns the only look at a module's bytes that is not a compiler's. Refuses what does not fit its
//! frame. It reads no instruction, and nothing is believed of a length but that it is one.

/// How every binary module begins; a component or a text does not.
pub const MAGIC: &[u8] = b"\0asm\x01\0\0\0";
/// The kind of a section that means something to whoever knows its name.
pub const CUSTOM: u8 = 0;
/// Bytes of a number of 32 bits, seven bits in each.
const NUMBER_MAX_BYTES: usize = 5;

/// Something ends outside what it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its sections do not fit into it")]
pub struct FrameError;

/// A custom section's name and what comes after it.
pub type Named<'a> = (&'a [u8], &'a [u8]);

/// One section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// Its kind.
    pub id: u8,
    /// Where it begins in the module, its kind and length included.
    pub begin: usize,
    /// What is in it; of a custom section, its name too.
    pub content: &'a [u8],
}

impl<'a> Section<'a> {
    /// Name and content of a custom section; of another section nothing.
    ///
    /// # Errors
    /// [`FrameError`] when its name is longer than itself.
    pub fn named(&self) -> Result<Option<Named<'a>>, FrameError> {
        if self.id == CUSTOM {
            framed(self.content).map(Some)
        } else {
            Ok(None)
        }
    }
}

/// The sections of a module, until one that does not fit.
///
/// # Errors
/// [`FrameError`] for what does not begin as a module does.
pub fn sections(module: &[u8]) -> Result<Sections<'_>, FrameError> {
    Ok(Sections {
        whole: module.len(),
        rest: module.strip_prefix(MAGIC).ok_or(FrameError)?,
    })
}

/// What [`sections`] gives. After an error there is nothing more.
#[derive(Clone, Debug)]
pub struct Sections<'a> {
    whole: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let begin = self.whole - self.rest.len();
        let (id, after) = self.rest.split_first()?;
        let read = framed(after).map(|(content, rest)| {
            self.rest = rest;
            let id = *id;
            Section { id, begin, content }
        });
        if read.is_err() {
            self.rest = &[];
        }
        Some(read)
    }
}

/// The content of the first custom section of that name, as far as the frame before it holds.
#[must_use]
pub fn custom_section<'a>(module: &'a [u8], name: &str) -> Option<&'a [u8]> {
    for section in sections(module).ok()? {
        if let Some((called, content)) = section.ok()?.named().ok()?
            && called == name.as_bytes()
        {
            return Some(content);
        }
    }
    None
}

/// A custom section of that name, in the one form that there is without spare bytes.
#[must_use]
pub fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    let mut inside = Vec::new();
    put_number(name.len(), &mut inside);
    inside.extend_from_slice(name.as_bytes());
    inside.extend_from_slice(content);
    let mut section = vec![CUSTOM];
    put_number(inside.len(), &mut section);
    section.extend(inside);
    section
}

/// What a length announces, and what comes after it.
///
/// # Errors
/// [`FrameError`] when there is less than announced.
pub fn framed(bytes: &[u8]) -> Result<(&[u8], &[u8]), FrameError> {
    let (length, rest) = number(bytes)?;
    let length = usize::try_from(length).map_err(|_| FrameError)?;
    rest.split_at_checked(length).ok_or(FrameError)
}

/// A number of at most 32 bits, seven in a byte, the lowest first; and what comes after it.
///
/// # Errors
/// [`FrameError`] when it does not end, or is larger.
pub fn number(bytes: &[u8]) -> Result<(u32, &[u8]), FrameError> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(NUMBER_MAX_BYTES).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).map_err(|_| FrameError)?;
            return Ok((value, bytes.get(index + 1..).unwrap_or_default()));
        }
    }
    Err(FrameError)
}

fn put_number(mut value: usize, to: &mut Vec<u8>) {
    loop {
        // Seven bits fit into eight.
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_custom_section_is_found_by_its_name_and_nothing_else_is() {
        let module = [MAGIC, &custom("a", b"one"), &custom("b", b"two")].concat();
        assert_eq!(custom_section(&module, "b"), Some(b"two".as_slice()));
        assert_eq!(custom_section(&module, "c"), None);
        assert_eq!(custom_section(&module[..module.len() - 1], "b"), None);
        assert_eq!(custom_section(b"\0asm", "b"), None);
    }

    #[test]
    fn a_section_tells_where_it_begins() {
        let first = custom("a", &[7; 200]);
        let module = [MAGIC, &first, &custom("b", b"")].concat();
        let begins: Vec<usize> = sections(&module)
            .unwrap()
            .map(|s| s.unwrap().begin)
            .collect();
        assert_eq!(begins, [MAGIC.len(), MAGIC.len() + first.len()]);
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(value in any::<u32>(), after in any::<u8>()) {
            let mut bytes = Vec::new();
            put_number(value as usize, &mut bytes);
            bytes.push(after);
            let rest = [after];
            prop_assert_eq!(number(&bytes), Ok((value, rest.as_slice())));
        }

        #[test]
        fn any_bytes_are_looked_at_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let module = [MAGIC, &bytes].concat();
            for bytes in [&bytes, &module] {
                if let Ok(sections) = sections(bytes) {
                    let ends = sections.filter_map(Result::ok).map(|s| s.begin + s.content.len());
                    prop_assert!(ends.max().unwrap_or(0) <= bytes.len());
                }
                let _ = custom_section(bytes, "a");
            }
        }
    }
}
