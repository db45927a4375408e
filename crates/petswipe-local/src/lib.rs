//! The embedded cloud. What composes it with the other crates lives in the examples of the repository.
//!
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
// This crate is the real world: it serves sockets, measures latency and waits, so it reads the clock.
#![allow(clippy::disallowed_methods)]

mod address;
mod api;
mod app;
pub mod balancer;
mod client;
mod cloud;
mod config;
mod fault;
pub mod load;
pub mod metrics;
mod registry;
mod service;
mod task;

pub use address::{CloudUrl, Token};
pub use app::{FAULT_VARIABLE, VERSION_HEADER};
pub use client::{CLOUD_VARIABLE, LocalClient};
pub use cloud::{Cloud, CloudSummary, TEST_HEADER};
pub use config::CloudConfig;
pub use fault::Fault;
pub use registry::{ImageSource, Revision};
pub use service::{Backoff, TaskState, TaskStatus};
pub use task::run_task_if_asked;
