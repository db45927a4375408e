//! What the contract does not say of services on Amazon ECS.

use petswipe_deploy::compute_conformance;

use crate::world::World;

compute_conformance!(contract, World::new());
