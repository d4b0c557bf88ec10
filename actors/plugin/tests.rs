//! Guests that misbehave in every way known, and what each may cost.

mod abi;
mod content;
mod declared;
mod gallery;
pub(super) mod guests;
pub(super) mod host;
mod kept;
mod loading;
mod offer;
mod oracle;
mod packages;
mod release;
mod reuse;
mod sandbox;
mod smith;
mod supervised;
mod ward;
mod words;
mod workbench;

/// No test: what this binary is as a compiler's process, see `guests::compiler_program`.
#[test]
#[ignore = "started by other tests"]
fn compiler_of_this_binary() {
    let Ok(order) = std::env::var("PLANTAO_TEST_ORDER") else {
        return;
    };
    let mut answer = std::fs::File::options()
        .write(true)
        .open("/proc/self/fd/3")
        .unwrap();
    let words = order.split(' ').map(std::ffi::OsString::from);
    let _ = super::compiler::serve(words, &mut std::io::stdin(), &mut answer);
}
