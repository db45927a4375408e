//! Which action a request is, by IAM's name for it.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use crate::s3;

/// The operations of REST services, which are known by their paths. Source: "DescribeCanariesLastRun", Amazon CloudWatch Synthetics
/// API Reference.
const REST: [(&str, &str); 1] = [("/canaries/last-run", "DescribeCanariesLastRun")];

/// The action of a signed request as IAM names it, such as `ecs:UpdateService`. `None` for what is not signed, or is of a
/// protocol that names no operation.
///
/// The service is that of the credential scope, the operation that of the protocol: the field `Action` of the query
/// protocol and of EC2's, the header `X-Amz-Target` of JSON, the path of RPC over CBOR and of REST. S3 is known by method,
/// path and query, and its actions have names of their own: `ListBuckets` is `s3:ListAllMyBuckets`.
///
/// Sources: "Elements of an AWS API request signature" (credential scope), Smithy's "AWS Query", "AWS JSON 1.1" and
/// "Smithy RPC v2 CBOR" protocols, "Actions, resources, and condition keys for AWS services".
pub fn action_of(request: &HttpRequest) -> Option<String> {
    let service = match scope(request)?.1 {
        "monitoring" => "cloudwatch",
        "s3" => return Some(format!("s3:{}", s3::action_of(request.method(), request.uri())?)),
        service => service,
    };
    Some(format!("{service}:{}", operation_of(request)?))
}

/// The region and the service that a request is signed for.
pub(crate) fn scope(request: &HttpRequest) -> Option<(&str, &str)> {
    let (_, scope) = request.headers().get("authorization")?.split_once("Credential=")?;
    let mut parts = scope.split(',').next()?.split('/').skip(2);
    Some((parts.next()?, parts.next()?))
}

pub(crate) fn operation_of(request: &HttpRequest) -> Option<String> {
    if let Some(target) = request.headers().get("x-amz-target") {
        return Some(target.rsplit('.').next()?.to_owned());
    }
    if let Some((_, operation)) = request.uri().split_once("/operation/") {
        return Some(operation.to_owned());
    }
    let path = request.uri().split('?').next().unwrap_or_default();
    if let Some((_, operation)) = REST.iter().find(|(end, _)| path.ends_with(end)) {
        return Some((*operation).to_owned());
    }
    let body = std::str::from_utf8(request.body().bytes()?).ok()?;
    let action = body.split('&').find_map(|field| field.strip_prefix("Action="))?;
    Some(action.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::body::SdkBody;

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261127/eu-central-1/{}/aws4_request, \
                          SignedHeaders=host, Signature=0";

    fn request(service: &str, header: Option<&'static str>, uri: &str, body: &str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_uri(uri.to_owned()).unwrap();
        request.headers_mut().insert("authorization", SIGNED.replace("{}", service));
        if let Some(header) = header {
            request.headers_mut().insert("x-amz-target", header);
        }
        request
    }

    #[test]
    fn every_protocol_names_its_action() {
        let target = Some("AmazonEC2ContainerServiceV20141113.UpdateService");
        let json = request("ecs", target, "https://ecs.example/", "{}");
        assert_eq!(action_of(&json).as_deref(), Some("ecs:UpdateService"));
        let query = request(
            "elasticloadbalancing",
            None,
            "https://elb.example/",
            "Version=2015-12-01&Action=DescribeRules&ListenerArn=x",
        );
        assert_eq!(action_of(&query).as_deref(), Some("elasticloadbalancing:DescribeRules"));
        let body = "Action=DescribeVolumes&Version=2016-11-15&MaxResults=500";
        let ec2 = request("ec2", None, "https://ec2.example/", body);
        assert_eq!(action_of(&ec2).as_deref(), Some("ec2:DescribeVolumes"));
        let uri = "https://monitoring.example/service/GraniteServiceVersion20100801/operation/GetMetricData";
        let cbor = request("monitoring", None, uri, "");
        assert_eq!(action_of(&cbor).as_deref(), Some("cloudwatch:GetMetricData"));
        let rest =
            request("synthetics", None, "https://synthetics.example/canaries/last-run", "{}");
        assert_eq!(action_of(&rest).as_deref(), Some("synthetics:DescribeCanariesLastRun"));
        let s3 = request("s3", None, "https://logs.s3.eu-central-1.amazonaws.com/?uploads", "");
        assert_eq!(action_of(&s3).as_deref(), Some("s3:ListBucketMultipartUploads"));
    }

    #[test]
    fn a_scope_says_where_and_what() {
        let request = request("ec2", None, "https://ec2.example/", "");
        assert_eq!(scope(&request), Some(("eu-central-1", "ec2")));
    }

    #[test]
    fn what_is_not_signed_has_no_action() {
        let mut unsigned = request("ecs", Some("X.UpdateService"), "https://ecs.example/", "{}");
        unsigned.headers_mut().remove("authorization");
        assert_eq!(action_of(&unsigned), None);
        assert_eq!(action_of(&request("s3", None, "https://s3.example/key", "")), None);
    }
}
