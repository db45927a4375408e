//! tmp
use petswipe_deploy::Report;
use std::path::Path;
#[allow(missing_docs)]
pub fn check(_p: &Path) -> Result<(), String> {
    Ok(())
}
#[allow(missing_docs)]
pub fn write(p: &Path, r: &Report) -> Result<(), String> {
    std::fs::write(p, serde_json::to_string_pretty(r).unwrap_or_default())
        .map_err(|e| e.to_string())
}
#[allow(missing_docs)]
pub fn summary(r: &Report) -> String {
    format!(
        "{} {}\n{:?}",
        r.outcome,
        r.reason,
        r.traffic.as_ref().map(|t| (
            t.requests,
            t.failed,
            t.failed_by_version.clone(),
            t.by_stage.clone()
        ))
    )
}
