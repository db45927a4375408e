//! petswipe-runbook
