//! One call into one instance: a fresh one, unless the operator lets the plugin keep its guest.
//!
//! Owns the life of a store: made, limited, run, read, dropped. Nothing of a call survives it, so
//! a guest can neither remember one patient while it works on the next nor poison a later call; a
//! kept guest ([`Kept`]) is the operator's exception, and never comes back from a call that failed.
//! Refuses to let a guest run past its deadline: it yields at every tick of the engine's clock,
//! and the future that holds it is dropped when its time is up, inside `start` functions too.

use std::sync::Arc;

use plantao_schema::plugin::OutputKind;
use tokio::time::{Duration, Instant, timeout};
use wasmtime::{Instance, Store, Trap};

use super::engine::STACK_MAX_BYTES;
use super::error::PluginError;
use super::guard::{GuestInput, RawAllowed, Released, Reveal};
use super::kept::Kept;
use super::limit_kind::LimitKind;
use super::limits::Limits;
use super::log_lines::presentable;
use super::module::{Code, GuestModule, Shape, Wasm};
use super::state::{GuestState, Stop};
use super::twin::{GuestTwin, TwinStop};

/// Ticks of the engine's clock a guest runs before it gives way.
const TICKS_PER_SHARE: u64 = 1;
/// What a kit exports when a module has constructors of its own to run first: the linker's own
/// name for them, or the one of a WASI reactor, which runs the former. The first that is there.
const INITIALIZERS: [&str; 2] = ["__wasm_call_ctors", "_initialize"];

/// One call, ready to run anywhere.
pub(super) struct Call {
    pub(super) module: Arc<GuestModule>,
    pub(super) function: String,
    pub(super) text: String,
    pub(super) raw: Option<RawAllowed>,
    /// Whether the caller may see what was redacted.
    pub(super) reveal: Option<Reveal>,
}

/// What a guest answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) redacted: bool,
    /// Whether originals were put back in the place of tokens.
    pub(super) restored: bool,
    pub(super) elapsed: Duration,
    /// What it took of its fuel, where that is counted.
    pub(super) instructions: Option<u64>,
    /// Its linear memory in the end.
    pub(super) memory_bytes: usize,
}

/// Runs a call to its end in a fresh instance. Dropping the future ends the guest.
pub(super) async fn run(call: Call) -> Result<Answer, PluginError> {
    run_on(call, &mut None).await
}

/// As [`run`], in the guest that was kept, if there is one; it is there again when it may be kept.
pub(super) async fn run_on(call: Call, kept: &mut Option<Kept>) -> Result<Answer, PluginError> {
    let Call {
        module,
        function,
        text,
        raw,
        reveal,
    } = call;
    let plugin = Arc::clone(&module.plugin);
    let limit = module.terms.limits.timeout;
    let input = GuestInput::prepare(text, raw);
    let started = Instant::now();
    let finished = timeout(limit, execute(&module, &function, (&input, reveal), kept)).await;
    let answer = finished.unwrap_or_else(|_| {
        let value = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let plugin = plugin.to_string();
        Err(PluginError::Limit {
            plugin,
            limit: LimitKind::TimeoutMs,
            value,
        })
    })?;
    Ok(Answer {
        elapsed: started.elapsed(),
        ..answer
    })
}

async fn execute(
    module: &Arc<GuestModule>,
    function: &str,
    (input, reveal): (&GuestInput, Option<Reveal>),
    kept: &mut Option<Kept>,
) -> Result<Answer, PluginError> {
    let plugin = &*module.plugin;
    let shape = module
        .shape(function)
        .ok_or_else(|| no_function(plugin, function))?;
    let wasm = match &module.code {
        Code::Wasm(wasm) => wasm,
        Code::Twin(twin) => {
            let text = stood_in(&**twin, plugin, function, input).await?;
            let released = release(module, input, text, reveal)?;
            return Ok(answer(released, input, None, 0));
        }
    };
    let stopped = |stop: Stop| stop.into_error(plugin);
    // Taken: only a call that answers puts it back.
    let mut guest = match kept.take().filter(|kept| kept.is_of(module)) {
        Some(mut guest) => {
            guest.take_up(input).map_err(stopped)?;
            guest
        }
        None => Kept::fresh(module, store(module, wasm, input).map_err(stopped)?),
    };
    set_out(&mut guest.store, module.terms.limits.fuel);
    let _ticking = wasm.engine.running();
    let code = call(wasm, &mut guest, function, shape)
        .await
        .map_err(|e| failed(plugin, &module.terms.limits, &e))?;
    let state = guest.store.data();
    // A guest that sets an error has failed, whatever it returns.
    if code != 0 || state.has_error() {
        // Text of a guest that saw everything could say anything, whatever redaction finds in it.
        let said = state.error().filter(|_| input.is_redacted());
        let message = said.and_then(presentable).unwrap_or_default();
        return Err(PluginError::Failed {
            plugin: plugin.to_owned(),
            code,
            message,
        });
    }
    let text = text(plugin, state.output().map_err(stopped)?)?;
    let released = release(module, input, text, reveal)?;
    let left = guest.store.get_fuel().unwrap_or(0);
    let instructions = module
        .terms
        .limits
        .fuel
        .map(|fuel| fuel.saturating_sub(left));
    let answer = answer(released, input, instructions, state.linear_bytes());
    *kept = guest.rest();
    Ok(answer)
}

/// What the guard lets out of an answer.
fn release(
    module: &GuestModule,
    input: &GuestInput,
    text: String,
    reveal: Option<Reveal>,
) -> Result<Released, PluginError> {
    let manifest = module.terms.manifest.as_ref();
    let kind = manifest.map_or(OutputKind::Text, |manifest| manifest.output);
    let most = module.terms.limits.output_bytes;
    let released = input.release(text, (kind, most), reveal);
    released.map_err(|withheld| withheld.into_error(&module.plugin))
}

fn answer(
    released: Released,
    input: &GuestInput,
    instructions: Option<u64>,
    memory_bytes: usize,
) -> Answer {
    Answer {
        text: released.text,
        redacted: input.is_redacted(),
        restored: released.restored,
        elapsed: Duration::ZERO,
        instructions,
        memory_bytes,
    }
}

/// What a guest answered has to be text.
fn text(plugin: &str, output: &[u8]) -> Result<String, PluginError> {
    match str::from_utf8(output) {
        Ok(text) => Ok(text.to_owned()),
        Err(e) => Err(PluginError::NotText {
            plugin: plugin.to_owned(),
            at: e.valid_up_to(),
        }),
    }
}

/// Runs what stands in for a module.
async fn stood_in(
    twin: &dyn GuestTwin,
    plugin: &str,
    function: &str,
    input: &GuestInput,
) -> Result<String, PluginError> {
    let plugin_name = || plugin.to_owned();
    match twin.run(plugin, function, input.as_bytes()).await {
        Ok(output) => text(plugin, &output),
        Err(TwinStop::Trapped) => Err(PluginError::Trapped {
            plugin: plugin_name(),
            trap: "unreachable".to_owned(),
        }),
        Err(TwinStop::Failed(code)) => Err(PluginError::Failed {
            plugin: plugin_name(),
            code,
            message: String::new(),
        }),
    }
}

/// Limits are in place before the first page is mapped.
fn store(module: &GuestModule, wasm: &Wasm, input: &GuestInput) -> Result<Store<GuestState>, Stop> {
    let state = GuestState::new(
        Arc::clone(&module.plugin),
        module.terms.limits,
        Arc::clone(&module.terms.offer),
        input,
    )?;
    let mut store = Store::new(wasm.engine.wasm(), state);
    store.limiter(|state| state);
    Ok(store)
}

/// What a guest has for the call that comes: a share of time after each of which it yields, and
/// fuel, where that is counted.
fn set_out(store: &mut Store<GuestState>, fuel: Option<u64>) {
    store.set_epoch_deadline(TICKS_PER_SHARE);
    store.epoch_deadline_async_yield_and_update(TICKS_PER_SHARE);
    if let Some(fuel) = fuel {
        // An engine that counts nothing refuses it; the module is on the one that does.
        let _ = store.set_fuel(fuel);
    }
}

async fn call(
    module: &Wasm,
    guest: &mut Kept,
    function: &str,
    shape: Shape,
) -> wasmtime::Result<i32> {
    let store = &mut guest.store;
    let instance = match guest.instance {
        Some(instance) => instance,
        None => {
            let instance = module.pre.instantiate_async(&mut *store).await?;
            let nothing = |name: &&str| module.shape(name) == Some(Shape::Nothing);
            if let Some(first) = INITIALIZERS.into_iter().find(nothing) {
                invoke(&instance, store, first, Shape::Nothing).await?;
            }
            guest.instance = Some(instance);
            instance
        }
    };
    invoke(&instance, store, function, shape).await
}

async fn invoke(
    instance: &Instance,
    store: &mut Store<GuestState>,
    function: &str,
    shape: Shape,
) -> wasmtime::Result<i32> {
    match shape {
        Shape::Code => {
            let function = instance.get_typed_func::<(), i32>(&mut *store, function)?;
            function.call_async(&mut *store, ()).await
        }
        Shape::Nothing => {
            let function = instance.get_typed_func::<(), ()>(&mut *store, function)?;
            function.call_async(&mut *store, ()).await.map(|()| 0)
        }
    }
}

/// The name came from a caller, who may have put anything there.
pub(super) fn no_function(plugin: &str, function: &str) -> PluginError {
    let function = presentable(function.as_bytes()).unwrap_or_default();
    PluginError::NoFunction {
        plugin: plugin.to_owned(),
        function,
    }
}

/// Sorts what Wasmtime gave back. Its own texts may quote the guest, so only closed lists pass.
fn failed(plugin: &str, limits: &Limits, error: &wasmtime::Error) -> PluginError {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return (*stop).into_error(plugin);
    }
    let plugin = plugin.to_owned();
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => PluginError::Limit {
            plugin,
            limit: LimitKind::StackBytes,
            value: STACK_MAX_BYTES as u64,
        },
        Some(Trap::OutOfFuel) => PluginError::Limit {
            plugin,
            limit: LimitKind::Fuel,
            value: limits.fuel.unwrap_or(0),
        },
        Some(trap) => PluginError::Trapped {
            plugin,
            trap: trap.to_string(),
        },
        // No slot in the engine's pool, no memory from the kernel: the machine's fault.
        None => PluginError::Unavailable { plugin },
    }
}
