//! What neither CloudWatch nor Grafana could show.

use super::model::{Dashboard, View};
use crate::Error;

pub(super) fn dashboard(dashboard: &Dashboard) -> Result<(), Error> {
    let name = dashboard.name.as_str();
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    // "PutDashboard", DashboardName.
    if name.is_empty() || name.len() > 255 || !name.chars().all(known) {
        let allowed = "1 to 255 letters, digits, hyphens and underscores";
        return Err(Error::invalid("name of a dashboard", name, allowed));
    }
    if dashboard.title.trim().is_empty() {
        let field = format!("title of the dashboard {name}");
        return Err(Error::invalid(field, "empty", "a text"));
    }
    for panel in dashboard.rows.iter().flat_map(|row| &row.panels) {
        let of = |field: &str| format!("{field} of the panel {:?} of {name}", panel.title);
        let of_series = matches!(panel.view, View::Graph | View::Stacked | View::Number);
        if of_series && panel.series.is_empty() || !of_series && panel.lines.is_empty() {
            return Err(Error::invalid(of("content"), "empty", "something to show"));
        }
        if let Some(limit) = panel.limits.iter().find(|limit| !limit.value.is_finite()) {
            return Err(Error::invalid(of("limit"), limit.value, "a finite number"));
        }
    }
    Ok(())
}
