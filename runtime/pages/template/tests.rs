//! Templates: what is refused, and that no value becomes markup.
