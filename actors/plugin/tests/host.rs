//! Host functions that misbehave, which no plugin has: only modules of tests can import them.

use wasmtime::{Linker, Result};

use crate::plugin::abi::NAMESPACE;
use crate::plugin::state::GuestState;

/// Defines `test_panic`, or `test_pending`, which never returns.
pub(in crate::plugin) fn define<'a>(
    linker: &'a mut Linker<GuestState>,
    name: &str,
) -> Result<&'a mut Linker<GuestState>> {
    match name {
        "test_panic" => linker.func_wrap(NAMESPACE, name, || -> () { panic!("a test asked") }),
        _ => linker.func_wrap_async(NAMESPACE, name, |_, (): ()| {
            Box::new(std::future::pending::<()>())
        }),
    }
}
