//! How large one function of a module may be, found out before it is compiled.
//!
//! Refuses functions that are too long: the compiler's time grows faster than a function's length,
//! so that a file within its limit could take minutes in one function and takes seconds in many. It
//! reads the frame of the sections and of the bodies, no instruction; what does not fit its frame
//! is refused too.

use plantao_schema::plugin::sections::{FrameError, framed, number, sections};
pub(super) use plantao_schema::plugin::sections::{MAGIC, custom_section};

/// Three times the longest function of our own plugins.
pub(super) const FUNCTION_MAX_BYTES: usize = 64 * 1024;

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

impl From<FrameError> for CodeRefusal {
    fn from(_: FrameError) -> Self {
        Self::Frame
    }
}

/// Checks every function's length.
pub(super) fn check(module: &[u8]) -> Result<(), CodeRefusal> {
    for section in sections(module)? {
        let section = section?;
        if section.id == CODE_SECTION {
            check_bodies(section.content)?;
        }
    }
    Ok(())
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

    proptest::proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_a_panic(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        ) {
            let module = [MAGIC, &bytes].concat();
            let _ = (check(&bytes), check(&module));
        }
    }
}
