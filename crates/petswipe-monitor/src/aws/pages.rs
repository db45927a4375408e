//! Answers that come in pages.

use petswipe_aws::CallError;

/// The entries of all pages. `ask` is given the token of a page, `None` for the first, and gives its entries and the token of the
/// next one.
///
/// # Errors
/// Those of `ask`; [`CallError::unusable`] for a page that leads to itself, and for more than `most` pages, which is a service
/// that goes round in circles.
pub(super) async fn all<T, Page>(
    action: &'static str,
    about: &str,
    most: usize,
    mut ask: impl FnMut(Option<String>) -> Page,
) -> Result<Vec<T>, CallError>
where
    Page: Future<Output = Result<(Vec<T>, Option<String>), CallError>>,
{
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..most {
        let (entries, next) = ask(token.clone()).await?;
        found.extend(entries);
        match next {
            None => return Ok(found),
            Some(_) if next == token => {
                return Err(CallError::unusable(action, about, "the next page is the same page"));
            }
            Some(_) => token = next,
        }
    }
    Err(CallError::unusable(action, about, format!("it has more than {most} pages")))
}
