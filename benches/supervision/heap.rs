//! Heap retained by this process: the bytes asked for and not given back.
//!
//! Counted only while somebody asks, so that the other measurements pay one load for it.

#![expect(
    unsafe_code,
    reason = "the trait of global allocators is unsafe; every call goes to the system's as it is"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

#[global_allocator]
static HEAP: Counted = Counted;

static COUNTING: AtomicBool = AtomicBool::new(false);
static RETAINED: AtomicIsize = AtomicIsize::new(0);

struct Counted;

/// Begins or ends counting. What was there before it began is not in the count.
pub(crate) fn count(counting: bool) {
    COUNTING.store(counting, Ordering::SeqCst);
}

/// Bytes retained since the counting began; only differences mean something.
pub(crate) fn retained() -> isize {
    RETAINED.load(Ordering::SeqCst)
}

fn add(bytes: isize) {
    if COUNTING.load(Ordering::Relaxed) {
        RETAINED.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: the system's allocator does all the work with the arguments given; counting does not
// allocate.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        // SAFETY: the caller's promises, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        // SAFETY: the caller's promises, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size as isize - layout.size() as isize);
        // SAFETY: the caller's promises, passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
