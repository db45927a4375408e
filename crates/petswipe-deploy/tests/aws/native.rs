//! Native deployments of Amazon ECS, whose service deployments take their course in memory.

mod behaviour;
mod deployer;
mod policy;
mod whole;
mod world;
