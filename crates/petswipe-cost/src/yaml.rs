//! What people write by hand: thresholds, suppressions, and prices, in YAML (and so in JSON).

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, PriceTable, Suppressions, Thresholds};

fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Error> {
    serde_saphyr::from_str(text)
        .map_err(|error| Error::Malformed { file: file.to_owned(), problem: error.to_string() })
}

/// Thresholds: those of `preset`, but for what the text says. They can be met.
///
/// ```
/// use petswipe_cost::{Thresholds, yaml};
/// let preset = Thresholds::preset("trusted-advisor")?;
/// let own = yaml::thresholds("ec2:\n  idle_days: 7\nsnapshots: {days: 30}", &preset)?;
/// assert_eq!((own.ec2.idle_days, own.ec2.days, own.snapshots.days), (7, 14, 30));
/// assert!(yaml::thresholds("ec2:\n  idle_dais: 7", &preset).is_err());
/// # Ok::<(), petswipe_cost::Error>(())
/// ```
///
/// # Errors
/// [`Error::Malformed`] with the place, and [`Error::Invalid`] for what can't be met.
pub fn thresholds(text: &str, preset: &Thresholds) -> Result<Thresholds, Error> {
    let file = "the thresholds";
    // Read for what it is first: that names the line of a typo.
    let _: Thresholds = read(file, text)?;
    let own: Value = read(file, text)?;
    let malformed = |error: serde_json::Error| Error::Malformed {
        file: file.to_owned(),
        problem: error.to_string(),
    };
    let mut all = serde_json::to_value(preset).map_err(malformed)?;
    merge(&mut all, own);
    let thresholds: Thresholds = serde_json::from_value(all).map_err(malformed)?;
    thresholds.check()?;
    Ok(thresholds)
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (into, from) => *into = from,
    }
}

/// A list of suppressions. Whether they name areas that exist, [`Suppressions::check`] knows.
///
/// ```
/// let text = "
/// suppressions:
///   - id: ebs-unused:eu-west-1:vol-0abc
///     reason: kept for the audit of 2026
///     until: 2027-03-31
/// ";
/// assert_eq!(petswipe_cost::yaml::suppressions(text)?.suppressions.len(), 1);
/// let error = petswipe_cost::yaml::suppressions("supressions: []").unwrap_err().to_string();
/// assert!(error.contains("supressions"), "{error}");
/// # Ok::<(), petswipe_cost::Error>(())
/// ```
///
/// # Errors
/// [`Error::Malformed`] with the place.
pub fn suppressions(text: &str) -> Result<Suppressions, Error> {
    read("the suppressions", text)
}

/// A table of prices of a region.
///
/// ```
/// let text = "{region: eu-west-1, currency: USD, priced_at: 2026-11-01, prices: {'ebs:gp3': '0.081'}}";
/// assert_eq!(petswipe_cost::yaml::prices(text)?.region().as_str(), "eu-west-1");
/// # Ok::<(), petswipe_cost::Error>(())
/// ```
///
/// # Errors
/// [`Error::Malformed`] with the place, and as [`PriceTable::new`].
pub fn prices(text: &str) -> Result<PriceTable, Error> {
    read::<PriceTable>("the price table", text)?.checked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_that_can_not_be_met_are_refused() {
        let error = thresholds("logs: {retention_days: 10}", &Thresholds::default()).unwrap_err();
        assert!(error.to_string().starts_with("logs.retention_days is 10"), "{error}");
        let error = thresholds("ec2: [", &Thresholds::default()).unwrap_err();
        assert!(error.to_string().starts_with("the thresholds: "), "{error}");
        let empty = thresholds("{}", &Thresholds::default()).unwrap();
        assert_eq!(empty, Thresholds::default());
    }
}
