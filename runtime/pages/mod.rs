//! The pages: HTML made on the server, and what of it lives.

mod headers;
pub mod template;
mod words;

pub use headers::headers;
