//! Whole rollouts by the real examples, judged by CloudWatch's minutes: what the emulators lack the agent plays.
//!
//! A minute of metrics counts when it lies wholly in a stage, so most of the time these tests wait, all at once.

mod support;

mod blue_green;
mod disturbed;
mod input;
mod others;
mod promoted;
mod rolled_back;
mod rolling;
mod weather;
