//! Ids that follow from the name of an operation, so that every driver of it writes into the same trace.

use crate::OperationId;

/// The id of the trace of an operation: 16 bytes, never all zero, the same in every process and version.
///
/// It is the 128-bit FNV-1a hash of the name (Fowler, Noll, Vo; draft-eastlake-fnv), its halves mixed by the finalizer
/// of SplitMix64 so that samplers that look at a part of it see all of it.
///
/// ```
/// use petswipe_runbook::{OperationId, telemetry::trace_id};
/// let id = trace_id(&OperationId::new("canary-1")?);
/// assert_eq!(id, trace_id(&OperationId::new("canary-1")?));
/// assert_ne!(id, trace_id(&OperationId::new("canary-2")?));
/// # Ok::<(), petswipe_runbook::Error>(())
/// ```
pub fn trace_id(operation: &OperationId) -> [u8; 16] {
    let (high, low) = halves(operation);
    let id = u128::from(mix(high.wrapping_add(low))) << 64 | u128::from(mix(low ^ high));
    id.max(1).to_be_bytes()
}

/// The id of the span that stands for the operation as a whole: 8 bytes, never all zero.
///
/// Nobody ends that span; the part of each driver is a child of it.
pub fn parent_span_id(operation: &OperationId) -> [u8; 8] {
    let (high, low) = halves(operation);
    mix(high ^ low.rotate_left(32)).max(1).to_be_bytes()
}

fn halves(operation: &OperationId) -> (u64, u64) {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let fold = |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul(PRIME);
    let hash = operation.as_str().bytes().fold(OFFSET, fold);
    ((hash >> 64) as u64, hash as u64)
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        // The published test vector of `foobar`.
        let (high, low) = halves(&OperationId::new("foobar").unwrap());
        assert_eq!((high, low), (0x343e_1662_793c_64bf, 0x6f0d_3597_ba44_6f18));
    }

    #[test]
    fn names_that_differ_little_have_ids_that_differ_everywhere() {
        let ids: Vec<_> = (0..1000)
            .map(|number| {
                OperationId::new(format!("canary-20261123T031038Z-{number:04x}")).unwrap()
            })
            .map(|operation| (trace_id(&operation), parent_span_id(&operation)))
            .collect();
        let parts = |from: usize| ids.iter().map(move |(id, _)| id[from..from + 4].to_vec());
        for from in [0, 4, 8, 12] {
            assert!(parts(from).collect::<BTreeSet<_>>().len() > 995, "bytes from {from}");
        }
        assert_eq!(ids.iter().map(|(_, span)| span).collect::<BTreeSet<_>>().len(), 1000);
    }
}
