//! The live page: what it shows, kept up to date for everybody who looks at it.

pub mod diff;
