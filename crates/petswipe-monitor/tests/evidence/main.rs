//! The sequential statistics against independent references, and what is promised of them for every traffic.

mod golden;
mod promises;
