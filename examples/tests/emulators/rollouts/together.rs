//! Tests that take minutes and mostly wait: the first one that is run begins all that were asked for, whatever the number of
//! test threads, and each then waits for its own end.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};

/// A test, by its name.
pub type Test = (&'static str, fn());

/// Makes a test of each of these functions, by its own name.
macro_rules! tests {
    ($($module:ident::$name:ident,)+) => {
        const TOGETHER: &[$crate::rollouts::together::Test] =
            &[$((stringify!($name), || {
                tokio::runtime::Runtime::new().unwrap().block_on($module::$name());
            })),+];

        $(
            #[test]
            fn $name() {
                $crate::rollouts::together::ends(TOGETHER, stringify!($name));
            }
        )+
    };
}
pub(super) use tests;

type Begun = Mutex<BTreeMap<&'static str, JoinHandle<()>>>;

/// Waits for the end of a test, and fails as it does.
pub fn ends(all: &[Test], name: &str) {
    static BEGUN: OnceLock<Begun> = OnceLock::new();
    let begun = BEGUN.get_or_init(|| {
        let asked = all.iter().filter(|(name, _)| is_asked_for(name));
        Mutex::new(asked.map(|test| (test.0, begin(test))).collect())
    });
    let own = begun.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    let own = own.unwrap_or_else(|| begin(all.iter().find(|(held, _)| *held == name).unwrap()));
    if let Err(why) = own.join() {
        // What it printed itself belongs to the test that began it.
        let text = why.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| why.downcast_ref::<&str>().copied());
        panic!("{}", text.unwrap_or("it failed without a word"));
    }
}

fn begin((name, test): &Test) -> JoinHandle<()> {
    Builder::new().name((*name).to_owned()).spawn(*test).unwrap()
}

/// Whether the command line of the test program wants that test. One that is wanted after all begins when it is run.
fn is_asked_for(name: &str) -> bool {
    let path = format!("rollouts::{name}");
    let mut words = std::env::args().skip(1);
    let (mut filters, mut skipped) = (Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        match word.as_str() {
            "--skip" => skipped.extend(words.next()),
            option if option.starts_with('-') => {}
            _ => filters.push(word),
        }
    }
    let in_path = |part: &String| path.contains(part.as_str());
    (filters.is_empty() || filters.iter().any(in_path)) && !skipped.iter().any(in_path)
}
