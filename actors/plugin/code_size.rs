//! How large one function of a module may be, found out before it is compiled.
//!
//! Owns the only look at a module's bytes that is not Wasmtime's. Refuses functions that are too
//! long: the compiler's time grows faster than a function's length, so that a file within its
//! limit could take minutes in one function and takes seconds in many. It reads the frame of the
//! sections and of the bodies, no instruction; what does not fit its frame is refused too.

/// Three times the longest function of our own plugins.
pub(super) const FUNCTION_MAX_BYTES: usize = 64 * 1024;

/// How every binary module begins; a component or a text does not.
pub(super) const MAGIC: &[u8] = b"\0asm\x01\0\0\0";

/// A section that means something to whoever knows its name.
const CUSTOM_SECTION: u8 = 0;
/// The section that holds the function bodies.
const CODE_SECTION: u8 = 10;

/// Why a module is not compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CodeRefusal {
    /// A section or a body ends outside what it is in.
    Frame,
    /// A function is longer than [`FUNCTION_MAX_BYTES`].
    Function,
}

/// Checks every function's length.
pub(super) fn check(module: &[u8]) -> Result<(), CodeRefusal> {
    let mut rest = module.strip_prefix(MAGIC).ok_or(CodeRefusal::Frame)?;
    while let Some((id, after)) = rest.split_first() {
        let (section, next) = framed(after)?;
        if *id == CODE_SECTION {
            check_bodies(section)?;
        }
        rest = next;
    }
    Ok(())
}

/// The content of a custom section, as far as the frame before it holds.
pub(super) fn custom_section<'a>(module: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = module.strip_prefix(MAGIC)?;
    while let Some((id, after)) = rest.split_first() {
        let (section, next) = framed(after).ok()?;
        if *id == CUSTOM_SECTION {
            let (called, content) = framed(section).ok()?;
            if called == name.as_bytes() {
                return Some(content);
            }
        }
        rest = next;
    }
    None
}

fn check_bodies(section: &[u8]) -> Result<(), CodeRefusal> {
    let (count, mut rest) = number(section)?;
    for _ in 0..count {
        let (body, next) = framed(rest)?;
        if body.len() > FUNCTION_MAX_BYTES {
            return Err(CodeRefusal::Function);
        }
        rest = next;
    }
    Ok(())
}

/// What a length announces, and what comes after it.
fn framed(bytes: &[u8]) -> Result<(&[u8], &[u8]), CodeRefusal> {
    let (length, rest) = number(bytes)?;
    let length = usize::try_from(length).map_err(|_| CodeRefusal::Frame)?;
    rest.split_at_checked(length).ok_or(CodeRefusal::Frame)
}

/// A number of at most 32 bits: seven in a byte, the lowest first.
fn number(bytes: &[u8]) -> Result<(u32, &[u8]), CodeRefusal> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).map_err(|_| CodeRefusal::Frame)?;
            return Ok((value, bytes.get(index + 1..).unwrap_or_default()));
        }
    }
    Err(CodeRefusal::Frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module of one function that takes this many bytes, give or take its frame.
    fn of(bytes: usize) -> Vec<u8> {
        wat::parse_str(format!("(module (func {}))", "(nop)".repeat(bytes))).unwrap()
    }

    #[test]
    fn a_function_is_as_long_as_it_may_be_and_no_longer() {
        // Its frame is a count of locals before the instructions and an end after them.
        assert_eq!(check(&of(FUNCTION_MAX_BYTES - 2)), Ok(()));
        assert_eq!(
            check(&of(FUNCTION_MAX_BYTES - 1)),
            Err(CodeRefusal::Function)
        );
    }

    #[test]
    fn a_module_cut_off_within_its_functions_is_refused() {
        let whole = of(300);
        assert_eq!(check(&whole), Ok(()));
        for end in whole.len() - 300..whole.len() {
            assert_eq!(check(&whole[..end]), Err(CodeRefusal::Frame), "{end}");
        }
        assert_eq!(check(b""), Err(CodeRefusal::Frame));
    }

    #[test]
    fn a_custom_section_is_found_by_its_name_and_nothing_else_is() {
        let named = r#"(module (@custom "a" "one") (func) (@custom "b" "two"))"#;
        let module = wat::parse_str(named).unwrap();
        assert_eq!(custom_section(&module, "b"), Some(b"two".as_slice()));
        assert_eq!(custom_section(&module, "c"), None);
        assert_eq!(custom_section(&module[..module.len() - 1], "b"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_a_panic(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        ) {
            let module = [MAGIC, &bytes].concat();
            let _ = (check(&bytes), check(&module), custom_section(&module, "a"));
        }
    }
}
