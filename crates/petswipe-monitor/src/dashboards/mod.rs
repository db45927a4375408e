//! Dashboards as typed definitions, for CloudWatch and for Grafana.
//!
//! A [`Dashboard`] is rows of panels, a [`Panel`] shows [`Series`]. Where everything stands follows from that: no panel overlaps
//! another one, and none is wider than the page. [`Dashboard::to_cloudwatch`] gives the body for PutDashboard, and
//! [`Dashboard::to_grafana`] the JSON that Grafana provisions. [`guide`] has the dashboards of a service behind a load balancer.
//!
//! ```
//! use petswipe_monitor::alarms::{Metric, Statistic};
//! use petswipe_monitor::dashboards::{CloudWatchRegion, Dashboard, Panel, Row, Series, Unit};
//!
//! let requests = Metric::new("AWS/ApplicationELB", "RequestCount").with("LoadBalancer", "app/shop/0");
//! let requests = Series::metric("requests", requests, Statistic::Sum);
//! let row = Row::new("Traffic", [Panel::graph("Requests a minute", [requests]).unit(Unit::Count)]);
//! let dashboard = Dashboard::new("shop-production-overview", "Overview of the shop", [row]);
//!
//! let body = dashboard.to_cloudwatch(&CloudWatchRegion::new("eu-central-1"))?;
//! assert_eq!(body["widgets"][1]["properties"]["metrics"][0][1], "RequestCount");
//! assert!(dashboard.to_grafana(&[], &[]).is_err(), "a metric of CloudWatch is no expression of Prometheus");
//! # Ok::<(), petswipe_monitor::Error>(())
//! ```

mod check;
mod cloudwatch;
mod grafana;
pub mod guide;
mod layout;
mod model;
#[cfg(test)]
mod tests;

pub use cloudwatch::CloudWatchRegion;
pub use grafana::{Variable, uid};
pub use model::{Dashboard, Limit, Panel, Row, Series, Unit};
