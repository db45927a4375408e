//! Requests over HTTP, behind the feature `probe`.

use std::fmt;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request as HttpRequest, Uri};

use super::{Answer, Reply, Request, Web};
use crate::http::{Client, client};
use crate::{Error, explain};

/// No longer body is read.
const LONGEST: usize = 4 << 20;

/// Sends requests to the service at an address, each over a connection of its own, as a user does who comes for the first time.
/// It has to be used within a tokio runtime.
#[derive(Clone)]
pub struct HttpWeb {
    base: String,
    client: Client<Full<Bytes>>,
}

impl fmt::Debug for HttpWeb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpWeb").field("base", &self.base).finish_non_exhaustive()
    }
}

impl HttpWeb {
    /// Requests go to that address: `https://shop.example.com`.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for an address that is none or holds a password, and for https without the feature `tls`;
    /// [`Error::Backend`] when the system has no trusted certificates.
    pub fn new(base: &str) -> Result<Self, Error> {
        let base = base.trim_end_matches('/');
        let allowed = "http:// or https:// and a host, without a user, a query or a fragment";
        // It is not repeated: it may hold a password.
        let wrong = || Error::invalid("address of the service", "***", allowed);
        let uri: Uri = base.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let web = ["http", "https"].contains(&uri.scheme_str().unwrap_or_default());
        if !web || authority.as_str().contains('@') || uri.query().is_some() || base.contains('#') {
            return Err(wrong());
        }
        if uri.scheme_str() == Some("https") && !cfg!(feature = "tls") {
            let allowed = "http://, or https:// in a program with the feature tls";
            return Err(Error::invalid("address of the service", base, allowed));
        }
        Ok(Self { base: base.to_owned(), client: client()? })
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, String> {
        let mut sent = HttpRequest::builder()
            .method(request.method.as_str())
            .uri(format!("{}{}", self.base, request.path))
            .header("connection", "close");
        for (name, value) in &request.headers {
            sent = sent.header(name.as_str(), value.as_str());
        }
        let body = Full::from(request.body.clone());
        let sent = sent.body(body).map_err(|why| format!("can't be sent: {}", explain(&why)))?;
        let answer = self.client.request(sent).await;
        let (head, body) =
            answer.map_err(|why| format!("got no answer: {}", explain(&why)))?.into_parts();
        let headers = head.headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let body = Limited::new(body, LONGEST).collect().await;
        let body = body.map_err(|why| format!("got no whole answer: {}", explain(&*why)))?;
        Ok(Answer {
            status: head.status.as_u16(),
            headers: headers.collect(),
            body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        })
    }
}

#[async_trait]
impl Web for HttpWeb {
    #[expect(clippy::disallowed_methods, reason = "how long an answer takes is what is measured")]
    async fn send(&self, request: &Request) -> Reply {
        let began = Instant::now();
        let answer = match tokio::time::timeout(request.timeout, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err("got no answer in time".to_owned()),
        };
        // A little more than the time is still all of it.
        let took = began.elapsed().min(request.timeout);
        Reply { took: took.max(Duration::from_nanos(1)), answer }
    }
}
