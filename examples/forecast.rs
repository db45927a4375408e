//! What stages can show: asked before a canary is begun, when its traffic is told.

use std::time::Duration;

use clap::Args;
use petswipe_deploy::{Stage, Strategy};
use petswipe_monitor::planner::{Forecast, PlannedStage, Question};
use petswipe_monitor::{Policy, explain};

use crate::cli::{Common, percent};
use crate::rollout::policies;
use crate::{Exit, say};

/// Flags about what the stages have to show.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Forecast")]
pub struct ForecastFlags {
    /// Requests a second to the whole service. With it, stages that can't show --smallest-ratio are refused, with the nearest ones
    /// that can
    #[arg(long, env = "TRAFFIC", value_name = "RATE", value_parser = positive)]
    pub traffic: Option<f64>,
    /// The share of requests that fail when all is well, in percent
    #[arg(long, env = "BASELINE_ERROR_RATE", value_name = "PERCENT", default_value = "0.1", value_parser = percent)]
    pub baseline: f64,
    /// How many times that is the least that has to be found
    #[arg(long, env = "SMALLEST_RATIO", value_name = "TIMES", default_value = "5", value_parser = positive)]
    pub smallest_ratio: f64,
    /// How many user requests a bad version may fail until it is found, on average [default: any number]
    #[arg(long, env = "ERROR_BUDGET", value_name = "REQUESTS", value_parser = positive)]
    pub error_budget: Option<f64>,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "allowed: a number above 0".to_owned())
}

impl ForecastFlags {
    /// Refuses stages that can't show what they have to, and says what others can.
    ///
    /// # Errors
    /// Exit code 2, with stages that would do.
    pub fn check(&self, common: &Common, weights: &[u8], each: Duration) -> Result<(), Exit> {
        // What is gone on with, or back from, has its stages.
        let Some(traffic) = self.traffic.filter(|_| !common.resume && !common.undo) else {
            return Ok(());
        };
        let stages = weights.iter().map(|weight| PlannedStage { weight: *weight, duration: each });
        let forecast = self.forecast(common, traffic, &stages.collect::<Vec<_>>())?;
        if !common.quiet {
            say(&self.in_words(traffic, &forecast));
        }
        Ok(())
    }

    fn forecast(
        &self,
        common: &Common,
        traffic: f64,
        stages: &[PlannedStage],
    ) -> Result<Forecast, Exit> {
        let mut all = policies(common, Strategy::Canary, 5.0, 1000).into_iter();
        let evidence = all.find_map(|policy| match policy {
            Policy::Evidence(evidence) => Some(evidence),
            _ => None,
        });
        let question = Question {
            requests_per_second: traffic,
            baseline_error_rate: self.baseline / 100.0,
            smallest_ratio: self.smallest_ratio,
            error_budget: self.error_budget.unwrap_or(f64::MAX),
            evidence: evidence.unwrap_or_default(),
        };
        question.checked(stages).map_err(|error| Exit::usage(explain(&error)))
    }

    fn in_words(&self, traffic: f64, forecast: &Forecast) -> String {
        let smallest = forecast
            .smallest_ratio
            .map(|ratio| format!("; {ratio:.1} times and more in 95 of 100"));
        format!(
            "forecast: at {traffic} requests/s, {} % of which fail, {} times the errors are found in {:.0} of 100 rollouts, after \
             {:.0} failed requests on average{}; promoted after {} s",
            self.baseline,
            self.smallest_ratio,
            forecast.power * 100.0,
            forecast.failed_requests,
            smallest.unwrap_or_default(),
            forecast.to_promote.as_secs()
        )
    }

    /// Limits that look back over a whole stage: with the little traffic that was told a minute may never have the requests that
    /// they need.
    pub fn suit(&self, mut policies: Vec<Policy>, stages: &[Stage]) -> Vec<Policy> {
        let longest = stages.iter().map(|stage| stage.duration).max().unwrap_or_default();
        for policy in &mut policies {
            if let Policy::Absolute(limits) = policy
                && self.traffic.is_some()
            {
                limits.lookback = limits.lookback.max(longest);
            }
        }
        policies
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        forecast: ForecastFlags,
    }

    fn check(arguments: &[&str], seconds: u64) -> Result<(), String> {
        let flags = Flags::parse_from(["canary", "-q"].iter().chain(arguments));
        let each = Duration::from_secs(seconds);
        let checked = flags.forecast.check(&flags.common, &[5, 10, 25, 50, 100], each);
        checked.map_err(|exit| exit.message)
    }

    #[test]
    fn stages_that_can_not_show_it_are_refused_with_some_that_can() {
        assert_eq!(check(&[], 1), Ok(()));
        assert_eq!(check(&["--traffic", "100"], 300), Ok(()));
        let little = check(&["--traffic", "2"], 300).unwrap_err();
        assert!(little.contains("5 % of 2 requests/s for 300 s"), "{little}");
        assert!(
            little.contains("allowed: the same for longer, 5 % of 2 requests/s for "),
            "{little}"
        );
        assert_eq!(check(&["--traffic", "2", "--resume"], 300), Ok(()));
        assert_eq!(check(&["--traffic", "2", "--smallest-ratio", "200"], 300), Ok(()));
    }

    #[test]
    fn a_budget_that_the_stages_would_spend_is_refused() {
        assert_eq!(check(&["--traffic", "100", "--error-budget", "100"], 300), Ok(()));
        let spent = check(&["--traffic", "100", "--error-budget", "1"], 300).unwrap_err();
        assert!(spent.contains("requests until it is found, of 1 it may"), "{spent}");
        assert!(spent.contains("allowed: "), "{spent}");
    }

    #[test]
    fn limits_look_back_over_a_stage_when_the_traffic_is_told() {
        let stages = Stage::list(&[10, 100], Duration::from_secs(900)).unwrap();
        for (arguments, seconds) in [(&[][..], 60), (&["--traffic", "2"], 900)] {
            let flags = Flags::parse_from(["canary"].iter().chain(arguments));
            let policies = policies(&flags.common, Strategy::Canary, 5.0, 1000);
            let suited = flags.forecast.suit(policies, &stages);
            let held = suited.iter().find_map(|policy| match policy {
                Policy::Absolute(limits) => Some(limits.lookback),
                _ => None,
            });
            assert_eq!(held, Some(Duration::from_secs(seconds)));
        }
    }
}
