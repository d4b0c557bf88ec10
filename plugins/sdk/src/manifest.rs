//! The manifest macro: one declaration from which exports, manifest and rights are made.
//!
//! Owns [`plugin!`]. Refuses a capability that no host has, and a version other than the crate's,
//! when the plugin is compiled: what is declared is what the module carries and all it can ask for.

/// Declares a plugin: its exports, the manifest that its module carries, and `HOST`, through which
/// it asks for what it declared and for nothing else.
///
/// ```
/// use plantao_plugin_sdk::{GuestError, log, plugin};
///
/// plugin! {
///     name: "counter",
///     version: "0.1.0",
///     functions: { "count": text(count) },
///     capabilities: [log, config:least],
///     limits: { memory_bytes: 4_194_304, timeout_ms: 500, output_bytes: 65_536 },
/// }
///
/// fn count(text: &str) -> Result<usize, GuestError> {
///     let least = HOST.config.least.or(1)?;
///     let count = text.split_whitespace().filter(|word| word.len() >= least).count();
///     log!(HOST.log, Info, "counted", words = count);
///     Ok(count)
/// }
/// # fn main() {}
/// ```
///
/// - **functions**: `json(f)` for `fn(I) -> Result<O, GuestError>` with `I: Deserialize` and
///   `O: Serialize`; `text(f)` for `fn(&str) -> Result<O, GuestError>`; `bytes(f)` for
///   `fn(Vec<u8>) -> Result<Vec<u8>, GuestError>`; `code(f)` for `fn() -> i32`, which does all
///   itself.
/// - **limits**: `memory_bytes`, `timeout_ms`, `fuel`, `input_bytes`, `output_bytes`,
///   `table_elements`, `variable_bytes`. An ask above the operator's cap is refused at load.
/// - **health**, if there is one: the function that tells whether the plugin is well.
/// - **output**, after it: `json` has the host withhold any answer that is not; `text` is usual.
/// - **capabilities**: `log`, `clock`, `valueset:lookup`, `config:KEY`, `phi:raw`. An unknown one
///   does not compile, nor does the use of one that was not declared:
///
/// ```compile_fail
/// # use plantao_plugin_sdk::{GuestError, plugin};
/// plugin! {
///     name: "late", version: "0.1.0", functions: { "now": text(now) },
///     capabilities: [log],
///     limits: { memory_bytes: 65_536, timeout_ms: 500, output_bytes: 64 },
/// }
/// fn now(_: &str) -> Result<u64, GuestError> {
///     Ok(HOST.clock.now_ms()) // `clock` is not declared
/// }
/// # fn main() {}
/// ```
/// ```compile_fail
/// # use plantao_plugin_sdk::plugin;
/// plugin! {
///     name: "thief", version: "0.1.0", functions: {},
///     capabilities: [network],
///     limits: { memory_bytes: 65_536, timeout_ms: 500, output_bytes: 64 },
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! plugin {
    (
        name: $name:literal,
        version: $version:literal,
        functions: { $($export:literal: $shape:ident($handler:path)),* $(,)? },
        capabilities: [$($cap:ident $(: $of:ident)?),* $(,)?],
        limits: { $($limit:ident: $value:literal),* $(,)? }
        $(, health: $health:literal)?
        $(, output: $output:ident)?
        $(,)?
    ) => {
        /// What the module carries in its section `plantao.manifest`.
        pub const MANIFEST: &str = concat!(
            "name = \"", $name, "\"\n",
            "version = \"", $version, "\"\n",
            "functions = [", $("\"", $export, "\", ",)* "]\n",
            "capabilities = [",
            $("\"", stringify!($cap), $(":", stringify!($of),)? "\", ",)* "]\n",
            $("health = \"", $health, "\"\n",)?
            $("output = \"", stringify!($output), "\"\n",)?
            "\n[limits]\n",
            $(stringify!($limit), " = ", stringify!($value), "\n",)*
        );

        const _: () = assert!(
            $crate::manifest::is_same($version, env!("CARGO_PKG_VERSION")),
            "the version of `plugin!` is not the one of Cargo.toml"
        );

        #[cfg(target_family = "wasm")]
        const _: () = {
            #[used]
            #[allow(unsafe_code, reason = "a custom section is how a module carries text")]
            #[unsafe(link_section = "plantao.manifest")]
            static SECTION: [u8; MANIFEST.len()] = $crate::manifest::array(MANIFEST);
        };

        $($crate::__export!($export, $shape($handler));)*

        /// The plugin as its own tests call it.
        #[cfg(not(target_family = "wasm"))]
        pub static PLUGIN: $crate::testing::Plugin = $crate::testing::Plugin {
            name: $name,
            manifest: MANIFEST,
            functions: &[$(($export, |input| $crate::__answer!($shape($handler), input))),*],
        };

        $crate::__granted!(@next {} {} $([$cap $($of)?])*);
    };
}

/// One export, under its plain name, where an Extism host looks for it.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($export:literal, code($handler:path)) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            #[allow(unsafe_code, reason = "the host finds an export by its unmangled name")]
            #[unsafe(export_name = $export)]
            extern "C" fn export() -> i32 {
                $handler()
            }
        };
    };
    ($export:literal, $shape:ident($handler:path)) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            #[allow(unsafe_code, reason = "the host finds an export by its unmangled name")]
            #[unsafe(export_name = $export)]
            extern "C" fn export() -> i32 {
                $crate::answer::run(|input| $crate::__answer!($shape($handler), input))
            }
        };
    };
}

/// What a function of each shape makes of its input.
#[doc(hidden)]
#[macro_export]
macro_rules! __answer {
    (json($handler:path), $input:expr) => {
        $crate::answer::json($handler, $input)
    };
    (text($handler:path), $input:expr) => {
        $crate::answer::text($handler, $input)
    };
    (bytes($handler:path), $input:expr) => {
        $crate::answer::bytes($handler, $input)
    };
    (code($handler:path), $input:expr) => {{
        // It speaks to the host by itself, so that there is nothing to call natively.
        let _: (fn() -> i32, &[u8]) = ($handler, $input);
        Err($crate::GuestError::Refused {
            why: "a function of shape `code` runs in a host",
        })
    }};
    ($shape:ident($handler:path), $input:expr) => {
        compile_error!(concat!(
            "`",
            stringify!($shape),
            "` is no shape of a function: expected json, text, bytes or code"
        ))
    };
}

/// The fields of `HOST`, one for each capability that was declared.
#[doc(hidden)]
#[macro_export]
macro_rules! __granted {
    (@next {$($field:tt)*} {$($key:tt)*} [log] $($rest:tt)*) => {
        $crate::__granted!(@next {$($field)* log: Log,} {$($key)*} $($rest)*);
    };
    (@next {$($field:tt)*} {$($key:tt)*} [clock] $($rest:tt)*) => {
        $crate::__granted!(@next {$($field)* clock: Clock,} {$($key)*} $($rest)*);
    };
    (@next {$($field:tt)*} {$($key:tt)*} [valueset lookup] $($rest:tt)*) => {
        $crate::__granted!(@next {$($field)* valuesets: Valuesets,} {$($key)*} $($rest)*);
    };
    (@next {$($field:tt)*} {$($key:tt)*} [config $name:ident] $($rest:tt)*) => {
        $crate::__granted!(@next {$($field)*} {$($key)* $name,} $($rest)*);
    };
    // Changes what the guest is shown, and gives it nothing to call.
    (@next {$($field:tt)*} {$($key:tt)*} [phi raw] $($rest:tt)*) => {
        $crate::__granted!(@next {$($field)*} {$($key)*} $($rest)*);
    };
    (@next {$($field:tt)*} {$($key:tt)*} [$cap:ident $($of:ident)?] $($rest:tt)*) => {
        compile_error!(concat!(
            "`", stringify!($cap), $(":", stringify!($of),)? "` is no capability: expected log, \
             clock, valueset:lookup, config:KEY or phi:raw"
        ));
    };
    (@next {$($field:ident: $kind:ident,)*} {$($key:ident,)*}) => {
        /// The keys of the operator's configuration that the manifest asks for.
        #[derive(Debug, Clone, Copy)]
        #[allow(dead_code, reason = "a plugin may ask for more than one build of it uses")]
        pub struct Keys {
            $(
                #[doc = concat!("`config:", stringify!($key), "`.")]
                pub $key: $crate::Config,
            )*
        }

        /// What the manifest asks the operator for, and nothing else.
        #[derive(Debug, Clone, Copy)]
        #[allow(dead_code, reason = "a plugin may ask for more than one build of it uses")]
        pub struct Granted {
            $(
                #[doc = concat!("`", stringify!($field), "`, as declared.")]
                pub $field: $crate::$kind,
            )*
            /// Keys of the operator's configuration.
            pub config: Keys,
        }

        /// The way to the host. Only what is declared can be asked for.
        #[allow(dead_code, reason = "a plugin may ask for more than one build of it uses")]
        pub const HOST: Granted = Granted {
            $($field: $crate::$kind::declared(),)*
            config: Keys { $($key: $crate::Config::declared(stringify!($key)),)* },
        };
    };
}

/// The bytes of a text, as a static holds them.
#[doc(hidden)]
#[must_use]
pub const fn array<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let mut rest = text.as_bytes();
    let mut left: &mut [u8] = &mut bytes;
    while let ([from, from_rest @ ..], [to, to_rest @ ..]) = (rest, left) {
        *to = *from;
        rest = from_rest;
        left = to_rest;
    }
    bytes
}

/// Whether two texts are the same, at compile time.
#[doc(hidden)]
#[must_use]
pub const fn is_same(left: &str, right: &str) -> bool {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while let ([a, left_rest @ ..], [b, right_rest @ ..]) = (left, right) {
        if *a != *b {
            return false;
        }
        left = left_rest;
        right = right_rest;
    }
    left.is_empty() && right.is_empty()
}
