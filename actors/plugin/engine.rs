//! The Wasmtime engines of the process and the clock that makes their guests yield.
//!
//! Owns what every guest shares: compiler settings, the pool of pre-reserved memories and stacks,
//! and a ticker thread that ends with the engine. There are two kinds, since counting
//! instructions is a setting of the engine: the timed one, which nearly every guest runs on, and
//! the metered one for plugins with a budget of fuel, made when the first such plugin comes.
//! Refuses WebAssembly's larger features (threads, 64-bit and several memories, garbage
//! collection): each is attack surface no plugin needs. A guest's deadline is its own; nothing
//! here can stop two calls with one signal.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use aws_lc_rs::digest;
use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmFeatures,
};

use super::limits::{MEMORY_MAX_BYTES, TABLE_ELEMENTS_MAX};

/// A guest's time share: short enough that neighbours answer, long enough to cost nothing.
const TICK: Duration = Duration::from_millis(2);
/// Tables per module: toolchains emit one, and a second for dynamic linking.
const TABLES_PER_MODULE: u32 = 2;
/// Slots that may stay warm while nobody uses them. Each keeps [`KEEP_RESIDENT_BYTES`] and more, so
/// this is what guests of the past may hold of the machine's memory; a warm slot saves its plugin's
/// next call some microseconds. Wasmtime's default is 100 of them.
const WARM_SLOTS_MAX: u32 = 16;
/// What a memory slot keeps between calls when the kernel can tell which pages were touched.
const KEEP_RESIDENT_BYTES: usize = 1024 * 1024;

/// Stack of the guest's own frames: Wasmtime's default, said here because it is a promise.
pub(super) const STACK_MAX_BYTES: usize = 512 * 1024;
/// The whole stack of a call: what the guest leaves of it is the host functions'.
const CALL_STACK_BYTES: usize = 2 * 1024 * 1024;

/// Whether an engine's guests count their instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EngineKind {
    /// They do not; time ends them.
    Timed,
    /// They do, for some third more time; fuel or time ends them.
    Metered,
}

impl EngineKind {
    /// What a guest under this budget needs.
    pub(super) fn of(fuel: Option<u64>) -> Self {
        match fuel {
            None => Self::Timed,
            Some(_) => Self::Metered,
        }
    }
}

/// The engine could not be made: this machine cannot run plugins.
#[derive(Debug, thiserror::Error)]
#[error("the plugin engine cannot be started: {reason}")]
pub struct EngineError {
    reason: String,
}

/// Compiles and runs guests. Clones are the same engine.
#[derive(Clone)]
pub(super) struct GuestEngine {
    engine: Engine,
    kind: EngineKind,
    /// What compiled code has to agree with, hashed once.
    compatibility: [u8; 32],
    ticker: Arc<Ticker>,
}

impl GuestEngine {
    /// An engine for `capacity` guests at once.
    pub(super) fn new(kind: EngineKind, capacity: u32) -> Result<Self, EngineError> {
        let failed = |reason: String| EngineError { reason };
        let mut config = code_settings(kind);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(capacity)));
        let engine = Engine::new(&config).map_err(|e| failed(e.to_string()))?;
        let ticker = Ticker::start(engine.weak()).map_err(|e| failed(e.to_string()))?;
        Ok(Self {
            kind,
            compatibility: compatibility(&engine),
            engine,
            ticker: Arc::new(ticker),
        })
    }

    pub(super) fn wasm(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn kind(&self) -> EngineKind {
        self.kind
    }

    /// Compiled code runs here only when this is the same where it was compiled.
    pub(super) fn compatibility(&self) -> &[u8; 32] {
        &self.compatibility
    }

    /// Keeps the clock ticking for as long as the guard lives. Every call holds one.
    pub(super) fn running(&self) -> Running {
        self.ticker.pulse.running.fetch_add(1, Ordering::AcqRel);
        self.ticker.thread.unpark();
        Running(Arc::clone(&self.ticker))
    }
}

/// Both kinds, the second made when it is first asked for: its address space is not free.
pub(super) struct Engines {
    timed: GuestEngine,
    metered: OnceLock<GuestEngine>,
    capacity: u32,
}

impl Engines {
    /// The timed engine, for `capacity` guests at once.
    pub(super) fn new(capacity: u32) -> Result<Self, EngineError> {
        Ok(Self {
            timed: GuestEngine::new(EngineKind::Timed, capacity)?,
            metered: OnceLock::new(),
            capacity,
        })
    }

    /// The engine of a kind.
    pub(super) fn of(&self, kind: EngineKind) -> Result<&GuestEngine, EngineError> {
        if kind == EngineKind::Timed {
            return Ok(&self.timed);
        }
        if let Some(metered) = self.metered.get() {
            return Ok(metered);
        }
        let made = GuestEngine::new(kind, self.capacity)?;
        Ok(self.metered.get_or_init(|| made))
    }
}

/// An engine that compiles and runs nothing: no pool, no clock. Its settings are the host's, which
/// [`GuestEngine::compatibility`] and Wasmtime's own look at the artefact both hold it to.
pub(super) fn for_compiling(kind: EngineKind) -> wasmtime::Result<Engine> {
    Engine::new(&code_settings(kind))
}

/// Hashed whole: the 64 bits of a hash table's hasher are no key for machine code.
pub(super) fn compatibility(engine: &Engine) -> [u8; 32] {
    struct Sha256(digest::Context);
    impl Hasher for Sha256 {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = Sha256(digest::Context::new(&digest::SHA256));
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(hasher.0.finish().as_ref()) {
        *to = *from;
    }
    hash
}

fn pool(capacity: u32) -> PoolingAllocationConfig {
    // A stopped call gives its slot back at its next yield, after the next one may have begun.
    let slots = capacity.saturating_mul(2).max(2);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(slots)
        .total_memories(slots)
        .total_tables(slots.saturating_mul(TABLES_PER_MODULE))
        .total_stacks(slots)
        .max_unused_warm_slots(WARM_SLOTS_MAX)
        .max_memories_per_module(1)
        .max_tables_per_module(TABLES_PER_MODULE)
        .max_memory_size(MEMORY_MAX_BYTES)
        .table_elements(TABLE_ELEMENTS_MAX);
    // Asking the kernel which pages were written beats unmapping them, except that pages which
    // were swapped out are missed (Wasmtime's own report): never with swap.
    if PoolingAllocationConfig::is_pagemap_scan_available() && !has_swap() {
        pool.pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
            .table_keep_resident(KEEP_RESIDENT_BYTES);
    }
    pool
}

/// Everything that compiled code depends on, and what a call's stack is.
fn code_settings(kind: EngineKind) -> Config {
    let mut config = Config::new();
    config
        .memory_init_cow(true)
        .max_wasm_stack(STACK_MAX_BYTES)
        .async_stack_size(CALL_STACK_BYTES)
        .consume_fuel(kind == EngineKind::Metered)
        .epoch_interruption(true)
        // Frames name the guest's functions: nothing of a guest belongs in an error text.
        .wasm_backtrace_max_frames(None)
        .native_unwind_info(false)
        .generate_address_map(false)
        .wasm_features(refused_features(), false);
    config
}

fn refused_features() -> WasmFeatures {
    WasmFeatures::THREADS
        | WasmFeatures::MEMORY64
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::GC
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::FUNCTION_REFERENCES
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::CUSTOM_PAGE_SIZES
        | WasmFeatures::STACK_SWITCHING
}

/// The first line of `/proc/swaps` is a heading. A machine that does not tell is taken to swap.
fn has_swap() -> bool {
    std::fs::read_to_string("/proc/swaps").map_or(true, |swaps| swaps.lines().count() > 1)
}

struct Pulse {
    running: AtomicUsize,
    stopped: AtomicBool,
}

struct Ticker {
    pulse: Arc<Pulse>,
    thread: Thread,
}

impl Ticker {
    fn start(engine: EngineWeak) -> std::io::Result<Self> {
        let pulse = Arc::new(Pulse {
            running: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let shared = Arc::clone(&pulse);
        let join = thread::Builder::new()
            .name("plantao-epoch".to_owned())
            .spawn(move || tick(&engine, &shared))?;
        Ok(Self {
            pulse,
            thread: join.thread().clone(),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.pulse.stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Sleeps for good while no guest runs: an idle hospital is not woken 500 times a second.
fn tick(engine: &EngineWeak, pulse: &Pulse) {
    while !pulse.stopped.load(Ordering::Acquire) {
        if pulse.running.load(Ordering::Acquire) == 0 {
            thread::park();
            continue;
        }
        thread::sleep(TICK);
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}

/// Proof that the clock ticks.
pub(super) struct Running(Arc<Ticker>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.pulse.running.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_compiler_has_the_settings_of_the_host_it_works_for_and_of_no_other() {
        let of = |kind| {
            let host = *GuestEngine::new(kind, 1).unwrap().compatibility();
            assert_eq!(compatibility(&for_compiling(kind).unwrap()), host);
            host
        };
        assert_ne!(of(EngineKind::Timed), of(EngineKind::Metered));
    }

    #[test]
    fn the_ticker_ends_with_its_engine() {
        let engine = GuestEngine::new(EngineKind::Timed, 1).unwrap();
        let pulse = Arc::downgrade(&engine.ticker.pulse);
        drop(engine);
        let deadline = Instant::now() + Duration::from_secs(5);
        while pulse.upgrade().is_some() {
            assert!(Instant::now() < deadline, "the ticker thread still runs");
            thread::yield_now();
        }
    }

    #[test]
    fn a_running_call_keeps_the_clock_after_the_engine_is_dropped() {
        let engine = GuestEngine::new(EngineKind::Timed, 1).unwrap();
        let running = engine.running();
        let pulse = Arc::downgrade(&engine.ticker.pulse);
        drop(engine);
        assert!(!pulse.upgrade().unwrap().stopped.load(Ordering::Acquire));
        drop(running);
        assert!(
            pulse
                .upgrade()
                .is_none_or(|p| p.stopped.load(Ordering::Acquire))
        );
    }
}
