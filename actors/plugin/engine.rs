//! The one Wasmtime engine of the process and the clock that makes its guests yield.
//!
//! Owns what every guest shares: compiler settings, the pool of pre-reserved memories and stacks,
//! and a ticker thread that ends with the engine. Refuses WebAssembly's larger features (threads,
//! 64-bit and several memories, garbage collection): each is attack surface no plugin needs. A
//! guest's deadline is its own; nothing here can stop two calls with one signal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmFeatures,
};

use super::limits::{MEMORY_MAX_BYTES, TABLE_ELEMENTS_MAX};

/// A guest's time share: short enough that neighbours answer, long enough to cost nothing.
const TICK: Duration = Duration::from_millis(2);
/// Tables per module: toolchains emit one, and a second for dynamic linking.
const TABLES_PER_MODULE: u32 = 2;
/// What a memory slot keeps between calls when the kernel can tell which pages were touched.
const KEEP_RESIDENT_BYTES: usize = 1024 * 1024;

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
    ticker: Arc<Ticker>,
}

impl GuestEngine {
    /// An engine for `capacity` guests at once.
    pub(super) fn new(capacity: u32) -> Result<Self, EngineError> {
        let failed = |reason: String| EngineError { reason };
        let engine = Engine::new(&config(capacity)).map_err(|e| failed(e.to_string()))?;
        let ticker = Ticker::start(engine.weak()).map_err(|e| failed(e.to_string()))?;
        Ok(Self {
            engine,
            ticker: Arc::new(ticker),
        })
    }

    pub(super) fn wasm(&self) -> &Engine {
        &self.engine
    }

    /// Keeps the clock ticking for as long as the guard lives. Every call holds one.
    pub(super) fn running(&self) -> Running {
        self.ticker.pulse.running.fetch_add(1, Ordering::AcqRel);
        self.ticker.thread.unpark();
        Running(Arc::clone(&self.ticker))
    }
}

fn config(capacity: u32) -> Config {
    // A stopped call gives its slot back at its next yield, after the next one may have begun.
    let slots = capacity.saturating_mul(2).max(2);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(slots)
        .total_memories(slots)
        .total_tables(slots.saturating_mul(TABLES_PER_MODULE))
        .total_stacks(slots)
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
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_init_cow(true)
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
    fn the_ticker_ends_with_its_engine() {
        let engine = GuestEngine::new(1).unwrap();
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
        let engine = GuestEngine::new(1).unwrap();
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
