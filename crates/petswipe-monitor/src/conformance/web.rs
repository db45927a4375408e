//! The contract of [`Web`], sentence by sentence, at a service that answers as it is told.

use std::time::Duration;

use async_trait::async_trait;

use crate::probe::{Answer, Request, Web};

/// Makes a module of tests which hold a sender of requests to the contract of [`Web`]; the expression gives a new [`WebWorld`].
#[macro_export]
macro_rules! web_conformance {
    ($module:ident, $world:expr $(,)?) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $crate::web_conformance!(
                @tests $world;
                a_request_is_sent_as_it_is
                an_answer_is_whole
                nothing_is_sent_twice
                no_answer_in_time_is_no_answer
                requests_are_got_in_their_order
            );
        }
    };
    (@tests $world:expr; $($sentence:ident)*) => {
        $(
            #[::tokio::test]
            async fn $sentence() {
                let world = $world;
                $crate::conformance::web::$sentence(&world).await;
            }
        )*
    };
}

/// How a service answers the next request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answering {
    /// With that, the last byte of its body so long after everything else.
    With(Answer, Duration),
    /// Not at all: it holds the connection.
    Never,
    /// It closes the connection.
    Leave,
}

/// What a suite needs to watch a sender: a service at the other end.
///
/// # Contract
/// - `requests_are_got_in_their_order`: [`got`](Self::got) gives every request that came, the first one first, also those that
///   were not answered.
#[async_trait]
pub trait WebWorld: Send + Sync {
    /// The sender.
    fn web(&self) -> &dyn Web;

    /// Has the service answer the next request so. Behind what was put in it leaves.
    async fn put(&self, answering: Answering);

    /// All requests that the service has got; their times are not looked at.
    async fn got(&self) -> Vec<Request>;
}

const TIME: Duration = Duration::from_secs(20);

fn request(method: &str, path: &str, body: &str) -> Request {
    let headers =
        vec![("x-one".to_owned(), "1, ä".to_owned()), ("x-two".to_owned(), "2".to_owned())];
    let (method, path, body) = (method.to_owned(), path.to_owned(), body.to_owned());
    Request { method, path, headers, body, timeout: TIME }
}

fn answer(status: u16, body: &str) -> Answer {
    let headers = vec![("location".to_owned(), "/elsewhere".to_owned())];
    Answer { status, headers, body: body.to_owned() }
}

/// See [`Web`]: with its method, path, headers and body.
pub async fn a_request_is_sent_as_it_is(world: &dyn WebWorld) {
    let requests = [
        request("GET", "/a/b%20c?d=e&f=%2F", ""),
        request("POST", "/", "{\"name\": \"Käthe\"}\r\n\r\n"),
        request("DELETE", "/x", ""),
    ];
    for request in &requests {
        world.put(Answering::With(answer(200, ""), Duration::ZERO)).await;
        let reply = world.web().send(request).await;
        assert_eq!(reply.answer.map(|answer| answer.status), Ok(200));
    }
    let got = world.got().await;
    assert_eq!(got.len(), requests.len());
    for (sent, got) in requests.iter().zip(got) {
        assert_eq!((&got.method, &got.path, &got.body), (&sent.method, &sent.path, &sent.body));
        for header in &sent.headers {
            assert!(got.headers.contains(header), "{header:?} is not among {:?}", got.headers);
        }
    }
}

/// See [`Web`]: status, headers and body as they were sent, and the time until the last byte.
pub async fn an_answer_is_whole(world: &dyn WebWorld) {
    let long = "päts".repeat(100_000);
    for (status, body, late) in [(200, long.as_str(), 0), (404, "", 0), (503, "down", 150)] {
        let late = Duration::from_millis(late);
        world.put(Answering::With(answer(status, body), late)).await;
        let reply = world.web().send(&request("GET", "/", "")).await;
        let found = reply.answer.expect("an answer");
        assert_eq!((found.status, found.body.as_str()), (status, body));
        let location = ("location".to_owned(), "/elsewhere".to_owned());
        assert!(found.headers.contains(&location), "{:?}", found.headers);
        assert!(reply.took >= late && reply.took <= TIME, "it took {:?}", reply.took);
    }
}

/// See [`Web`]: no redirect is followed, and nothing is tried again.
pub async fn nothing_is_sent_twice(world: &dyn WebWorld) {
    world.put(Answering::With(answer(302, ""), Duration::ZERO)).await;
    let reply = world.web().send(&request("GET", "/", "")).await;
    assert_eq!(reply.answer.map(|answer| answer.status), Ok(302));
    assert_eq!(world.got().await.len(), 1);
    world.put(Answering::With(answer(503, ""), Duration::ZERO)).await;
    let reply = world.web().send(&request("PUT", "/", "x")).await;
    assert_eq!(reply.answer.map(|answer| answer.status), Ok(503));
    assert_eq!(world.got().await.len(), 2);
    world.put(Answering::Leave).await;
    let reply = world.web().send(&request("GET", "/", "")).await;
    assert!(reply.answer.is_err(), "{reply:?}");
    assert_eq!(world.got().await.len(), 3);
}

/// See [`Web`]: it is given up after the time of the request.
pub async fn no_answer_in_time_is_no_answer(world: &dyn WebWorld) {
    let timeout = Duration::from_millis(200);
    let slow = answer(200, "late");
    for answering in [Answering::Never, Answering::With(slow, timeout * 100)] {
        world.put(answering).await;
        let reply = world.web().send(&Request { timeout, ..request("GET", "/", "") }).await;
        assert!(reply.answer.is_err(), "{reply:?}");
        assert_eq!(reply.took, timeout);
    }
}

/// See [`WebWorld`]: every request, in the order in which they came.
pub async fn requests_are_got_in_their_order(world: &dyn WebWorld) {
    let paths = ["/a", "/b", "/a"];
    for (index, path) in paths.iter().enumerate() {
        if index != 1 {
            world.put(Answering::With(answer(204, ""), Duration::ZERO)).await;
        }
        let reply = world.web().send(&request("GET", path, "")).await;
        assert_eq!(reply.answer.is_ok(), index != 1, "{path}");
    }
    let got = world.got().await;
    assert_eq!(got.iter().map(|request| request.path.as_str()).collect::<Vec<_>>(), paths);
}
