//! One module at a time, measured: for its author, never for a hospital.
//!
//! Owns a host without a tree, a pool or a permit, whose guests count their instructions. What is
//! measured is the guest under the limits it will have: the same sandbox, on the metered engine.
//! Refuses nothing that the host does not refuse. Holds no data but what its caller hands in.

use std::sync::Arc;
use std::time::Duration;

use super::compiler::Compiler;
use super::counts::Counts;
use super::engine::{EngineError, Engines};
use super::error::PluginError;
use super::executor::{Call, run};
use super::foundry::Foundry;
use super::guests::GuestRuntime;
use super::module::GuestModule;
use super::spec::PluginSpec;
use crate::clock::WallClock;

/// Guests at once: an author runs one.
const CAPACITY: u32 = 2;

/// Where pieces are measured.
pub struct MeteredBench {
    foundry: Arc<Foundry>,
    guests: GuestRuntime,
}

/// A module on the bench.
#[derive(Clone)]
pub struct Piece {
    module: Arc<GuestModule>,
}

/// What a call took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// What the guest answered.
    pub text: String,
    /// Instructions, instantiation included: the same for the same module and text on any machine.
    pub instructions: u64,
    /// Its linear memory in the end, in bytes.
    pub memory_bytes: usize,
    /// Wall time, instantiation included; counting takes a third of it or so.
    pub elapsed: Duration,
}

impl MeteredBench {
    /// A bench on which modules are compiled there.
    ///
    /// # Errors
    /// [`EngineError`] when this machine cannot run guests.
    pub fn new(guests: GuestRuntime, compiler: Compiler) -> Result<Self, EngineError> {
        let (engines, counts) = (Engines::new(CAPACITY)?, Arc::new(Counts::default()));
        let clock = WallClock::system();
        let foundry = Foundry::new(engines, compiler, None, guests.clone(), counts, clock);
        Ok(Self {
            foundry: Arc::new(foundry),
            guests,
        })
    }

    /// Puts a module on the bench. Without a budget of its own its fuel is without end.
    ///
    /// # Errors
    /// [`PluginError`] as the host refuses it.
    pub async fn load(&self, spec: &PluginSpec, wasm: Vec<u8>) -> Result<Piece, PluginError> {
        let mut spec = spec.clone();
        spec.limits.fuel = spec.limits.fuel.or(Some(u64::MAX));
        spec.check()?;
        let module = self.foundry.module(&spec, wasm).await?;
        Ok(Piece {
            module: Arc::new(module),
        })
    }

    /// Runs one function on a text, in a fresh instance.
    ///
    /// # Errors
    /// [`PluginError`] as a call ends in.
    pub async fn run(
        &self,
        piece: &Piece,
        function: &str,
        text: &str,
    ) -> Result<Measured, PluginError> {
        let call = Call {
            module: Arc::clone(&piece.module),
            function: function.to_owned(),
            text: text.to_owned(),
            raw: piece.module.raw(),
            reveal: None,
        };
        let unavailable = || PluginError::Unavailable {
            plugin: piece.module.plugin.to_string(),
        };
        let answer = self.guests.spawn(run(call)).finish().await;
        let answer = answer.ok_or_else(unavailable)??;
        Ok(Measured {
            text: answer.text,
            instructions: answer.instructions.ok_or_else(unavailable)?,
            memory_bytes: answer.memory_bytes,
            elapsed: answer.elapsed,
        })
    }
}
