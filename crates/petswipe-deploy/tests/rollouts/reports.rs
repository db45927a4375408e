//! The report of a rollout, out of its journal alone.
