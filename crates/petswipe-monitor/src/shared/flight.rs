//! One call that many wait for: whoever looks drives it on, so nobody depends on who came first.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::{Error, Observation};

type Call = Pin<Box<dyn Future<Output = Result<Observation, Error>> + Send>>;

/// A call under way, or its answer.
pub(super) struct Flight {
    state: Mutex<State>,
    waiting: Arc<Waiting>,
}

enum State {
    UnderWay(Call),
    Done(Result<Box<Observation>, Arc<Error>>),
}

/// Everybody who waits. The call wakes all, and one of them drives it on.
#[derive(Default)]
struct Waiting(Mutex<Vec<Waker>>);

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        let wakers = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Waiting {
    fn add(&self, waker: &Waker) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|held| held.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }
}

impl Flight {
    pub(super) fn new(
        call: impl Future<Output = Result<Observation, Error>> + Send + 'static,
    ) -> Self {
        Self { state: Mutex::new(State::UnderWay(Box::pin(call))), waiting: Arc::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_under_way(&self) -> bool {
        matches!(*self.state(), State::UnderWay(_))
    }

    /// Whether its answer stays true: there is one, with requests in it, and what became of them is not unknown as a whole. That
    /// may only not be published yet.
    pub(super) fn is_lasting(&self) -> bool {
        let State::Done(Ok(seen)) = &*self.state() else { return false };
        let told = seen.errors.client.is_some() || seen.errors.server.is_some();
        seen.requests.is_some_and(|requests| requests == 0 || told)
    }

    /// The answer, once it is there.
    pub(super) async fn answer(&self) -> Result<Observation, Error> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Result<Observation, Error>> {
        // Whoever waits is on the list before the call is driven, so that no waking is lost.
        self.waiting.add(context.waker());
        let mut state = self.state();
        if let State::UnderWay(call) = &mut *state {
            let all = Waker::from(self.waiting.clone());
            match call.as_mut().poll(&mut Context::from_waker(&all)) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(answer) => *state = State::Done(answer.map(Box::new).map_err(Arc::new)),
            }
        }
        let answer = match &*state {
            State::Done(Ok(seen)) => Ok((**seen).clone()),
            State::Done(Err(error)) => Err(again(error)),
            State::UnderWay(_) => return Poll::Pending,
        };
        drop(state);
        all_the_others(&self.waiting);
        Poll::Ready(answer)
    }
}

fn all_the_others(waiting: &Arc<Waiting>) {
    waiting.clone().wake();
}

/// The cause of an error that several get.
#[derive(Debug)]
struct Same(Arc<Error>);

impl Same {
    fn cause(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}

impl std::fmt::Display for Same {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.cause() {
            Some(cause) => std::fmt::Display::fmt(cause, f),
            None => std::fmt::Display::fmt(&*self.0, f),
        }
    }
}

impl std::error::Error for Same {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause()?.source()
    }
}

/// The same error once more.
fn again(error: &Arc<Error>) -> Error {
    let source = Box::new(Same(error.clone()));
    match &**error {
        Error::InvalidPolicy { field, value, allowed } => Error::invalid(field, value, allowed),
        Error::NotFound { what } => Error::NotFound { what: what.clone() },
        Error::NotOurs { what } => Error::NotOurs { what: what.clone() },
        Error::Changed { what } => Error::Changed { what: what.clone() },
        Error::Denied { operation, .. } => Error::Denied { operation: operation.clone(), source },
        Error::Refused { operation, .. } => Error::Refused { operation: operation.clone(), source },
        Error::Throttled { source_name, retry_after } => {
            Error::Throttled { source_name: source_name.clone(), retry_after: *retry_after }
        }
        Error::TimedOut { source_name, waited } => {
            Error::TimedOut { source_name: source_name.clone(), waited: *waited }
        }
        Error::Backend { operation, .. } => Error::Backend { operation: operation.clone(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain;
    use std::time::Duration;

    #[test]
    fn an_error_that_is_given_again_says_the_same() {
        let io = || std::io::Error::other("refused");
        let denied = Error::Denied { operation: "GET".to_owned(), source: Box::new(io()) };
        let after = Some(Duration::from_secs(3));
        for error in [
            denied,
            Error::Refused { operation: "GET".to_owned(), source: Box::new(io()) },
            Error::backend("GET", Error::backend("connecting", io())),
            Error::invalid("a", 1, "2"),
            Error::NotFound { what: "x".to_owned() },
            Error::Throttled { source_name: "p".to_owned(), retry_after: after },
            Error::TimedOut { source_name: "p".to_owned(), waited: Duration::from_secs(1) },
        ] {
            let error = Arc::new(error);
            let same = again(&error);
            assert_eq!(explain(&same), explain(&*error));
            assert_eq!(std::mem::discriminant(&same), std::mem::discriminant(&*error));
            assert_eq!(same.is_retryable(), error.is_retryable());
        }
    }
}
