//! What a plugin may ask of its host: one type for each capability.
//!
//! Owns the tokens that [`plugin!`](crate::plugin) makes from the manifest. Refuses to be made by
//! hand, so that a host call which is not declared does not compile; whether it is granted is the
//! operator's to say, and a plugin that is not granted what it imports is refused at load.

use std::str::FromStr;

use crate::error::GuestError;
use crate::host;

macro_rules! tokens {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name(());

        impl $name {
            /// For [`plugin!`](crate::plugin) alone.
            #[doc(hidden)]
            #[must_use]
            pub const fn declared() -> Self {
                Self(())
            }
        }
    )*};
}

tokens! {
    /// `log`: lines in the host's log, through [`log!`](crate::log!).
    Log,
    /// `clock`: what time it is.
    Clock,
    /// `valueset:lookup`: what a code of a value set is called.
    Valuesets,
}

impl Clock {
    /// The wall clock: milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        host::now_ms()
    }
}

impl Valuesets {
    /// Whether a value set has a code. An unknown value set has none.
    #[must_use]
    pub fn has(&self, valueset: &str, code: &str) -> bool {
        self.display(valueset, code).is_some()
    }

    /// What a code of a value set is called there.
    #[must_use]
    pub fn display(&self, valueset: &str, code: &str) -> Option<String> {
        host::valueset_display(valueset, code)
    }
}

/// `config:KEY`: one key of what the operator wrote for this plugin.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    key: &'static str,
}

impl Config {
    /// For [`plugin!`](crate::plugin) alone.
    #[doc(hidden)]
    #[must_use]
    pub const fn declared(key: &'static str) -> Self {
        Self { key }
    }

    /// The value, when the operator set one.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        host::config(self.key)
    }

    /// The value read as what is needed, or the default when the operator set none.
    ///
    /// # Errors
    /// [`GuestError::Config`] naming the key, when there is a value and it cannot be read.
    pub fn or<T: FromStr>(&self, default: T) -> Result<T, GuestError> {
        match self.text() {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| GuestError::Config { key: self.key }),
        }
    }
}
