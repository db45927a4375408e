//! petswipe-monitor
