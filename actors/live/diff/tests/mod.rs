//! The diff engine against naive models of itself.
