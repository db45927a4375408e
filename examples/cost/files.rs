//! The files that are given: thresholds, suppressions, prices, and an older report.

use std::path::Path;

use petswipe_cost::analyzer;
use petswipe_cost::{PriceTable, Report, Suppressions, Thresholds, explain, yaml};

use crate::Exit;

fn read(flag: &str, path: &Path) -> Result<String, Exit> {
    let failed = |error| Exit::usage(format!("{flag} is {}: {error}", path.display()));
    std::fs::read_to_string(path).map_err(failed)
}

fn refused(flag: &str, path: &Path) -> impl Fn(petswipe_cost::Error) -> Exit {
    let place = format!("{flag} is {}", path.display());
    move |error| Exit::usage(format!("{place}: {}", explain(&error)))
}

/// A preset, with what a file says otherwise.
pub(super) fn thresholds(preset: Option<&str>, path: Option<&Path>) -> Result<Thresholds, Exit> {
    let preset = Thresholds::preset(preset.unwrap_or("guide"))
        .map_err(|error| Exit::usage(format!("--{}", explain(&error))))?;
    let Some(path) = path else { return Ok(preset) };
    let text = read("--thresholds", path)?;
    yaml::thresholds(&text, &preset).map_err(refused("--thresholds", path))
}

/// The suppressions of a file, or none.
pub(super) fn suppressions(path: Option<&Path>) -> Result<Suppressions, Exit> {
    let Some(path) = path else { return Ok(Suppressions::default()) };
    let text = read("--suppressions", path)?;
    let areas: Vec<_> = analyzer::all().into_iter().map(|one| one.area()).collect();
    let suppressions = yaml::suppressions(&text).and_then(|suppressions| {
        suppressions.check(areas.iter().map(petswipe_cost::Area::as_str))?;
        Ok(suppressions)
    });
    suppressions.map_err(refused("--suppressions", path))
}

/// A table of prices.
pub(super) fn prices(path: &Path) -> Result<PriceTable, Exit> {
    let text = read("--prices", path)?;
    yaml::prices(&text).map_err(refused("--prices", path))
}

/// An older report.
pub(super) fn baseline(path: &Path) -> Result<Report, Exit> {
    let text = read("--baseline", path)?;
    Report::from_json(&text).map_err(refused("--baseline", path))
}
