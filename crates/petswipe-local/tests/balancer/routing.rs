//! Which target gets a request.

use std::collections::BTreeMap;

use petswipe_local::balancer::Forward;

use super::support::*;

#[tokio::test]
async fn a_split_fits_its_weights_and_repeats_with_its_seed() {
    const REQUESTS: usize = 20_000;
    let (blue, green) = (Service::named("blue").await, Service::named("green").await);
    let mut runs = Vec::new();
    for _ in 0..2 {
        let balancer = balancer().await;
        group_of(&balancer, "blue", &[blue.target("blue")]).await;
        group_of(&balancer, "green", &[green.target("green")]).await;
        let split = Forward::weighted([("blue", 95), ("green", 5)]);
        balancer.set_default(split).unwrap();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut client = Client::connect(balancer.address()).await;
        for _ in 0..REQUESTS {
            *counts.entry(client.get("/").await.text).or_default() += 1;
        }
        runs.push(counts);
    }
    assert_eq!(runs[0], runs[1]);
    let (got, expected) = (runs[0]["green"] as f64, REQUESTS as f64 * 0.05);
    let off = (got - expected).powi(2);
    let chi_square = off / expected + off / (REQUESTS as f64 - expected);
    // The critical value for one degree of freedom at p = 0.001.
    assert!(chi_square < 10.83, "{got} of {REQUESTS}: {chi_square}");
}
