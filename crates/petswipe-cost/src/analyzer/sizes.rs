//! Sizes of instance types and database classes.

/// From small to large. Sources: "Amazon EC2 instance types", "DB instance class types".
const SIZES: [&str; 19] = [
    "nano", "micro", "small", "medium", "large", "xlarge", "2xlarge", "3xlarge", "4xlarge",
    "6xlarge", "8xlarge", "9xlarge", "10xlarge", "12xlarge", "16xlarge", "18xlarge", "24xlarge",
    "32xlarge", "48xlarge",
];

/// The same family in every smaller size, the next smaller one first. Not every family has every size: which of them exist, the
/// prices tell.
pub(super) fn smaller(name: &str) -> impl Iterator<Item = String> + '_ {
    let (family, size) = name.rsplit_once('.').unwrap_or((name, ""));
    let index = SIZES.iter().position(|known| *known == size).unwrap_or_default();
    SIZES[..index].iter().rev().map(move |size| format!("{family}.{size}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_smaller_size_is_first() {
        let sizes: Vec<_> = smaller("m5.xlarge").collect();
        assert_eq!(sizes, ["m5.large", "m5.medium", "m5.small", "m5.micro", "m5.nano"]);
        assert_eq!(smaller("db.t3.small").next().unwrap(), "db.t3.micro");
        assert_eq!(smaller("t3.nano").count(), 0);
        assert_eq!(smaller("m5.metal").count(), 0);
        assert_eq!(smaller("db.serverless").count(), 0);
    }
}
