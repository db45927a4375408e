//! The dashboards of a service behind a load balancer: three of CloudWatch, four of Grafana.

mod cloudwatch;
mod grafana;

pub use cloudwatch::{canary, cloudwatch, overview, sre};
pub use grafana::{
    Business, Custom, PrometheusNames, application, business, custom, grafana, infrastructure,
    variables,
};
