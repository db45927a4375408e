//! Answers that come in pages.

use std::collections::HashSet;
use std::hash::Hash;

use petswipe_aws::{CallError, Failure};

/// More pages than any account has.
const MOST: usize = 10_000;

/// What is asked: IAM's name of the action, and of what. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) action: &'static str,
    pub(super) about: &'a str,
}

impl Asked<'_> {
    /// A call that was answered with something of no use.
    pub(super) fn unusable(self, why: impl Into<String>) -> CallError {
        CallError::unusable(self.action, self.about, why.into())
    }
}

/// The entries of all pages. `ask` is given the token of a page, `None` for the first, and gives its entries and the token of the
/// next one.
///
/// Tokens expire, and some are lost when a service is deployed. A page that is refused although the first one was not can only
/// be refused for its token, so the listing is begun once more; what it had is thrown away.
///
/// # Errors
/// Those of `ask`; [`CallError::unusable`] for pages that lead back to one that was read, and for endless ones.
pub(super) async fn all<T, K, Page>(
    asked: Asked<'_>,
    mut ask: impl FnMut(Option<K>) -> Page,
) -> Result<Vec<T>, CallError>
where
    K: Clone + Eq + Hash,
    Page: Future<Output = Result<(Vec<T>, Option<K>), CallError>>,
{
    let mut restarted = false;
    let mut found = Vec::new();
    let mut seen: HashSet<K> = HashSet::new();
    let mut token: Option<K> = None;
    for _ in 0..MOST {
        let (entries, next) = match ask(token.clone()).await {
            Ok(page) => page,
            Err(error) if token.is_some() && !restarted && error.failure() == Failure::Refused => {
                restarted = true;
                found.clear();
                seen.clear();
                token = None;
                continue;
            }
            Err(error) => return Err(error),
        };
        found.extend(entries);
        let Some(next) = next else { return Ok(found) };
        if !seen.insert(next.clone()) {
            return Err(asked.unusable("its pages go round in circles"));
        }
        token = Some(next);
    }
    Err(asked.unusable(format!("it has more than {MOST} pages")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'static> = Asked { action: "ec2:DescribeVolumes", about: "eu-central-1" };

    async fn of(next: impl Fn(usize) -> Option<usize>) -> Result<Vec<usize>, CallError> {
        all(ASKED, |token: Option<usize>| {
            let page = token.unwrap_or_default();
            let answer = Ok((vec![page], next(page)));
            async move { answer }
        })
        .await
    }

    #[tokio::test]
    async fn all_pages_are_read_and_none_twice() {
        assert_eq!(of(|page| (page < 3).then_some(page + 1)).await.unwrap(), [0, 1, 2, 3]);
        for circle in [1, 2] {
            let next = move |page| Some(if page == 2 { circle } else { page + 1 });
            assert!(of(next).await.is_err(), "{circle}");
        }
        assert!(of(|page| Some(page + 1)).await.is_err());
    }
}
