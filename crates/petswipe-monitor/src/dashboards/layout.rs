//! Where everything stands on a page of 24 columns, which both CloudWatch and Grafana have.

use super::model::{Dashboard, Panel, Row, View};

/// The columns of a page.
pub(super) const COLUMNS: u32 = 24;

/// The most panels beside each other.
const ABREAST: usize = 4;

/// A rectangle on the page, in columns and lines from the upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// The title of a row, or a panel.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    Title(&'a Row),
    Panel(&'a Panel),
}

/// Every part of a dashboard with its place. `graph` is the height of a graph; the title of a row is one line high.
pub(super) fn places(dashboard: &Dashboard, graph: u32) -> Vec<(Part<'_>, Place)> {
    let mut placed = Vec::new();
    let mut y = 0;
    for row in &dashboard.rows {
        placed.push((Part::Title(row), Place { x: 0, y, width: COLUMNS, height: 1 }));
        y += 1;
        for line in row.panels.chunks(ABREAST) {
            let height = line.iter().map(|panel| height(panel, graph)).max().unwrap_or(0);
            // A line of fewer panels than the first one has their width, too: columns stay columns.
            let abreast = u32::try_from(row.panels.len().min(ABREAST)).unwrap_or(1).max(1);
            let width = COLUMNS / abreast;
            for (x, panel) in (0..COLUMNS).step_by(width as usize).zip(line) {
                placed.push((Part::Panel(panel), Place { x, y, width, height }));
            }
            y += height;
        }
    }
    placed
}

fn height(panel: &Panel, graph: u32) -> u32 {
    match panel.view {
        View::Graph | View::Stacked => graph,
        View::Number | View::Text | View::Alarms => (graph / 2).max(3),
    }
}
