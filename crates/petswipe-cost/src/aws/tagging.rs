//! Tags of load balancers of either generation, twenty a call.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use petswipe_aws::CallError;

use super::error::is_gone;
use crate::Tags;

const AT_ONCE: usize = 5;
const IN_A_CALL: usize = 20;

/// The tags of those that are still there. `ask` is given at most twenty of `ids`. One that is gone spoils the answer for all that are
/// asked about together, so then each is asked alone.
pub(super) async fn all<Call>(
    ids: &[String],
    ask: impl Fn(Vec<String>) -> Call,
) -> Result<HashMap<String, Tags>, CallError>
where
    Call: Future<Output = Result<Vec<(String, Tags)>, CallError>>,
{
    let calls: Vec<_> = ids.chunks(IN_A_CALL).map(|some| there(some, &ask)).collect();
    let parts: Vec<_> = stream::iter(calls).buffered(AT_ONCE).try_collect().await?;
    Ok(parts.into_iter().flatten().collect())
}

async fn there<Call>(
    ids: &[String],
    ask: &impl Fn(Vec<String>) -> Call,
) -> Result<Vec<(String, Tags)>, CallError>
where
    Call: Future<Output = Result<Vec<(String, Tags)>, CallError>>,
{
    match ask(ids.to_vec()).await {
        Err(error) if is_gone(&error) => {}
        answer => return answer,
    }
    let mut there = Vec::new();
    for id in ids.iter().filter(|_| ids.len() > 1) {
        match ask(vec![id.clone()]).await {
            Err(error) if is_gone(&error) => {}
            answer => there.extend(answer?),
        }
    }
    Ok(there)
}
