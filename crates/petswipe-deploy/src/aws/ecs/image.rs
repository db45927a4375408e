//! Names of images, and the registry that knows them.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::ImageIdentifier;
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::ImagePolicy;
use crate::aws::error::error;
use crate::{Error, Image};

/// Tags that move by custom.
const MOVING: &[&str] = &["latest", "stable", "main", "master"];

/// `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`.
struct Name<'a> {
    /// Everything before the tag.
    place: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Name<'a> {
    fn of(image: &'a Image) -> Self {
        let (name, digest) = match image.as_str().split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (image.as_str(), None),
        };
        // A colon before the last slash belongs to the registry's port.
        match name.rsplit_once(':') {
            Some((place, tag)) if !tag.contains('/') => Self { place, tag: Some(tag), digest },
            _ => Self { place: name, tag: None, digest },
        }
    }

    /// Account, region and repository, of an image in a private registry of Amazon ECR.
    fn in_ecr(&self) -> Option<(&'a str, &'a str, &'a str)> {
        let (host, repository) = self.place.split_once('/')?;
        let (account, rest) = host.split_once(".dkr.ecr.")?;
        let (region, domain) = rest.split_once('.')?;
        let known = domain == "amazonaws.com" || domain == "amazonaws.com.cn";
        known.then_some((account, region, repository))
    }
}

/// Amazon Elastic Container Registry.
pub(super) struct Ecr(SdkConfig);

impl Ecr {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self(config.clone())
    }

    /// Checks how an image is named and whether it exists, and gives the name to be deployed.
    pub(super) async fn resolve(&self, image: &Image, policy: ImagePolicy) -> Result<Image, Error> {
        let name = Name::of(image);
        let moving = name.tag.is_none_or(|tag| MOVING.contains(&tag));
        if name.digest.is_none() && moving && !policy.moving_tags {
            let allowed = "a tag that is never moved, or a digest";
            return Err(Error::invalid("image", image, allowed));
        }
        let Some((account, region, repository)) = name.in_ecr() else {
            if policy.pin_digest && name.digest.is_none() {
                return Err(Error::Unsupported {
                    what: format!("the digest of {image}"),
                    backend: "a registry that is not Amazon ECR".to_owned(),
                });
            }
            return Ok(image.clone());
        };
        let tag = name.tag.unwrap_or("latest");
        let id = ImageIdentifier::builder()
            .set_image_digest(name.digest.map(str::to_owned))
            .set_image_tag(name.digest.is_none().then(|| tag.to_owned()))
            .build();
        // The registry may be in another region than the cluster.
        let config = self.0.to_builder().region(Region::new(region.to_owned())).build();
        let describe = Client::new(&config)
            .describe_images()
            .registry_id(account)
            .repository_name(repository)
            .image_ids(id);
        let what = format!("image {image}");
        let answer = describe.send().await.map_err(|e| error("DescribeImages", &what, e))?;
        let digest = answer.image_details().first().and_then(|detail| detail.image_digest());
        let digest = digest.ok_or(Error::NotFound { what })?;
        if policy.pin_digest && name.digest.is_none() {
            return Image::new(format!("{}@{digest}", name.place));
        }
        Ok(image.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart() {
        let read = |text: &str| {
            let image = Image::new(text).unwrap();
            let name = Name::of(&image);
            let owned = |part: Option<&str>| part.map(str::to_owned);
            let ecr = name.in_ecr().map(|(account, region, repository)| {
                [account, region, repository].map(str::to_owned)
            });
            (name.place.to_owned(), owned(name.tag), owned(name.digest), ecr)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("shop"), ("shop".to_owned(), None, None, None));
        assert_eq!(read("shop:v2"), ("shop".to_owned(), some("v2"), None, None));
        let port = "registry.example:5000/shop";
        assert_eq!(read(port), (port.to_owned(), None, None, None));
        let full = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/shop:v2@sha256:ab";
        let (place, tag, digest, ecr) = read(full);
        assert_eq!(place, "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/shop");
        assert_eq!((tag, digest), (some("v2"), some("sha256:ab")));
        assert_eq!(ecr, Some(["123456789012", "eu-central-1", "team/shop"].map(str::to_owned)));
    }
}
