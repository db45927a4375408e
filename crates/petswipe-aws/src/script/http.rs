//! A line that a server of a test hangs behind a real port: for programs that can't be given a connector.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use super::{Service, Wire};

/// The parts of an answer: its status, its headers, its body.
pub type Parts = (u16, Vec<(String, String)>, Vec<u8>);

impl<S: Service> Wire<S> {
    /// What this line answers to a request that came over HTTP. `None` where the line is cut, so the server has to close the
    /// connection without an answer, and for what is no request.
    ///
    /// ```
    /// use petswipe_aws::script::{Answer, Call, Refusal, Service, Wire};
    ///
    /// struct Clock;
    ///
    /// impl Service for Clock {
    ///     fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
    ///         Ok(Answer::Json(serde_json::json!({ "asked": call.operation() })))
    ///     }
    /// }
    ///
    /// let signed = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261127/eu-central-1/clock/aws4_request";
    /// let headers = [("authorization", signed), ("x-amz-target", "Clock.Now")];
    /// let (status, _, body) = Wire::new(Clock).over_http("/", headers, Vec::new()).unwrap();
    /// assert_eq!((status, body.as_slice()), (200, &br#"{"asked":"Now"}"#[..]));
    /// ```
    pub fn over_http<'a>(
        &self,
        uri: &str,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: Vec<u8>,
    ) -> Option<Parts> {
        let mut request = HttpRequest::new(body.into());
        request.set_uri(uri.to_owned()).ok()?;
        for (name, value) in headers {
            request.headers_mut().try_insert(name.to_owned(), value.to_owned()).ok()?;
        }
        let response = self.line().call(&request).ok()?;
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = response.body().bytes().unwrap_or_default().to_vec();
        Some((response.status().as_u16(), headers, body))
    }
}
