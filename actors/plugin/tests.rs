//! Guests that misbehave in every way known, and what each may cost.

mod abi;
mod guests;
mod loading;
mod sandbox;
mod supervised;
mod ward;
mod words;
