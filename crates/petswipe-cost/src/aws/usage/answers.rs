//! What came of several calls, of which some may have failed.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures_util::stream::{Stream, StreamExt as _};
use petswipe_aws::{CallError, Failure};

use super::Points;
use crate::{Measure, explain};

/// The values of each measure, or why there are none.
pub(super) type Answers<'a> = HashMap<&'a Measure, Result<Points, Arc<str>>>;

/// A call: what it asked for, and what came.
pub(super) type Called<'a> =
    (Vec<&'a Measure>, Result<Vec<(&'a Measure, Result<Points, String>)>, CallError>);

/// The answers of all calls together. Those of a call that failed could not be read, unless it was denied, or all of them failed: then
/// that is the answer.
pub(super) async fn gathered<'a>(
    calls: impl Stream<Item = Called<'a>>,
) -> Result<Answers<'a>, CallError> {
    let mut calls = pin!(calls);
    let mut answers = Answers::new();
    let (mut came, mut last) = (false, None);
    while let Some((measures, answer)) = calls.next().await {
        match answer {
            Ok(parts) => {
                came = true;
                for (measure, part) in parts {
                    add(&mut answers, measure, part.map_err(Arc::from));
                }
            }
            Err(error) if error.failure() == Failure::Denied => return Err(error),
            Err(error) => {
                let why: Arc<str> = explain(&error).into();
                for measure in measures {
                    add(&mut answers, measure, Err(Arc::clone(&why)));
                }
                last = Some(error);
            }
        }
    }
    match last {
        Some(error) if !came => Err(error),
        _ => Ok(answers),
    }
}

/// A part of a series. Where one part of it could not be read, it could not.
fn add<'a>(answers: &mut Answers<'a>, measure: &'a Measure, part: Result<Points, Arc<str>>) {
    let known = answers.entry(measure).or_insert_with(|| Ok(Points::new()));
    match (known, part) {
        (Ok(points), Ok(part)) => points.extend(part),
        (known @ Ok(_), Err(why)) => *known = Err(why),
        (Err(_), _) => {}
    }
}
