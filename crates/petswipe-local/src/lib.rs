//! petswipe-local
