//! Running many seeds, and telling how to repeat the one that failed.

use std::fmt;
use std::ops::Range;

use super::Violation;

/// The environment variable that names the one seed to run.
const VARIABLE: &str = "PETSWIPE_SEED";

/// The test that runs the seeds, so that a failure can tell the command which repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedTest<'a> {
    package: &'a str,
    file: Option<&'a str>,
    test: &'a str,
}

impl<'a> SeedTest<'a> {
    /// The function `test` in `tests/<file>.rs` of `package`, which is `env!("CARGO_PKG_NAME")` there.
    pub fn integration(package: &'a str, file: &'a str, test: &'a str) -> Self {
        Self { package, file: Some(file), test }
    }

    /// The function `test` among the unit tests of `package`, with its modules if its name alone is not unique.
    pub fn unit(package: &'a str, test: &'a str) -> Self {
        Self { package, file: None, test }
    }

    fn command(&self, seed: u64) -> String {
        let target = self.file.map_or("--lib".to_owned(), |file| format!("--test {file}"));
        format!("{VARIABLE}={seed} cargo test -p {} {target} {}", self.package, self.test)
    }
}

/// Why a run of seeds failed. Its `Debug` form is its `Display` form, so that `unwrap` prints the command.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SeedsFailed {
    /// A seed broke a promise.
    #[error("{violation}repeat it with: {repeat}")]
    Broken {
        /// The promise, the seed and the story.
        violation: Box<Violation>,
        /// The command that runs this seed alone.
        repeat: String,
    },
    /// The environment variable holds no seed.
    #[error("{VARIABLE} is {value}; allowed: a whole number from 0 to {}", u64::MAX - 1)]
    NotASeed {
        /// What it holds.
        value: String,
    },
    /// There was no seed to run, which would prove nothing.
    #[error("there is no seed to run from {} up to {}", .seeds.start, .seeds.end)]
    NoSeeds {
        /// The seeds that were asked for.
        seeds: Range<u64>,
    },
}

impl fmt::Debug for SeedsFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Runs every seed, or only the one in the environment variable `PETSWIPE_SEED`, up to the first that fails. Gives how
/// many it ran: only when that is all of them is there anything to say about their sums.
///
/// # Errors
/// [`SeedsFailed`], whose message ends in the one command that repeats the failing seed.
///
/// ```
/// use petswipe_runbook::sim::{SeedTest, Violation, check_seeds};
///
/// // In `tests/rollout.rs`, with `simulate` in the closure:
/// let test = SeedTest::integration("petswipe-deploy", "rollout", "it_survives");
/// let failed = check_seeds(test, 0..100, |seed| {
///     if seed < 42 { Ok(()) } else { Err(Violation::new(seed, "7 tasks run, not 4")) }
/// })
/// .unwrap_err();
/// assert_eq!(
///     failed.to_string(),
///     "seed 42: 7 tasks run, not 4\n\
///      repeat it with: PETSWIPE_SEED=42 cargo test -p petswipe-deploy --test rollout it_survives"
/// );
/// ```
pub fn check_seeds<T>(
    test: SeedTest<'_>,
    seeds: Range<u64>,
    run: impl FnMut(u64) -> Result<T, Box<Violation>>,
) -> Result<u64, SeedsFailed> {
    let only = std::env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned());
    check(test, only, seeds, run)
}

fn check<T>(
    test: SeedTest<'_>,
    only: Option<String>,
    seeds: Range<u64>,
    mut run: impl FnMut(u64) -> Result<T, Box<Violation>>,
) -> Result<u64, SeedsFailed> {
    let seeds = match only {
        None => seeds,
        Some(value) => match value.trim().parse() {
            Ok(seed) if seed < u64::MAX => seed..seed + 1,
            _ => return Err(SeedsFailed::NotASeed { value }),
        },
    };
    if seeds.is_empty() {
        return Err(SeedsFailed::NoSeeds { seeds });
    }
    let count = seeds.end - seeds.start;
    for seed in seeds {
        if let Err(violation) = run(seed) {
            return Err(SeedsFailed::Broken { violation, repeat: test.command(seed) });
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: SeedTest<'_> = SeedTest { package: "a", file: None, test: "it_holds" };

    fn runs(only: Option<&str>, seeds: Range<u64>) -> (Result<u64, SeedsFailed>, Vec<u64>) {
        let mut ran = Vec::new();
        let result = check(TEST, only.map(str::to_owned), seeds, |seed| {
            ran.push(seed);
            if seed == 42 { Err(Violation::new(seed, "broken")) } else { Ok(()) }
        });
        (result, ran)
    }

    #[test]
    fn all_seeds_run_in_order() {
        assert_eq!(runs(None, 3..6), (Ok(3), vec![3, 4, 5]));
    }

    #[test]
    fn the_first_failing_seed_ends_the_run_with_its_command() {
        let (result, ran) = runs(None, 41..1000);
        assert_eq!(ran, [41, 42]);
        let message =
            "seed 42: broken\nrepeat it with: PETSWIPE_SEED=42 cargo test -p a --lib it_holds";
        let failed = result.unwrap_err();
        assert_eq!(failed.to_string(), message);
        assert_eq!(format!("{failed:?}"), message);
    }

    #[test]
    fn the_variable_names_the_only_seed_even_outside_the_range() {
        assert_eq!(runs(Some("7"), 0..3), (Ok(1), vec![7]));
        assert!(matches!(runs(Some(" 42\n"), 0..3), (Err(SeedsFailed::Broken { .. }), _)));
    }

    #[test]
    fn a_variable_without_a_seed_is_not_ignored() {
        for value in ["", "x", "-1", "1..3", "18446744073709551615"] {
            let (result, ran) = runs(Some(value), 0..3);
            assert_eq!(result, Err(SeedsFailed::NotASeed { value: value.to_owned() }));
            assert!(ran.is_empty());
        }
    }

    #[test]
    fn no_seeds_at_all_is_a_failure() {
        let (result, _) = runs(None, 5..5);
        assert_eq!(result.unwrap_err().to_string(), "there is no seed to run from 5 up to 5");
    }
}
