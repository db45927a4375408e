//! Volumes, snapshots, addresses, NAT gateways and instances.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    InstanceStateName, VolumeModification, VolumeModificationState, VolumeType,
};
use petswipe_aws::CallError;

use super::answer::{done, failed};
use crate::Error;
use crate::aws::error::is_gone;

/// It is not for this state of what it is about.
const STATE: &str = "IncorrectState";

pub(super) async fn delete_volume(client: &Client, volume: &str) -> Result<(), Error> {
    let answer = client.delete_volume().volume_id(volume).send().await;
    let answer = answer.map_err(|error| CallError::new("ec2:DeleteVolume", volume, error));
    done(answer, &["VolumeInUse", STATE])
}

pub(super) async fn delete_snapshot(client: &Client, snapshot: &str) -> Result<(), Error> {
    let answer = client.delete_snapshot().snapshot_id(snapshot).send().await;
    let answer = answer.map_err(|error| CallError::new("ec2:DeleteSnapshot", snapshot, error));
    done(answer, &["InvalidSnapshot.InUse", STATE])
}

/// Routes that lead to it stay, and lead nowhere. Source: "DeleteNatGateway".
pub(super) async fn delete_nat_gateway(client: &Client, gateway: &str) -> Result<(), Error> {
    let answer = client.delete_nat_gateway().nat_gateway_id(gateway).send().await;
    let answer = answer.map_err(|error| CallError::new("ec2:DeleteNatGateway", gateway, error));
    done(answer, &["DependencyViolation", STATE])
}

/// In a default VPC the release would take an address from what it is associated with, so it is looked at first.
/// Source: "ReleaseAddress".
pub(super) async fn release_address(client: &Client, allocation: &str) -> Result<(), Error> {
    if !allocation.starts_with("eipalloc-") {
        let what = format!("releasing {allocation}, an address without an allocation,");
        return Err(Error::Unsupported { what });
    }
    let looked = client.describe_addresses().allocation_ids(allocation).send().await;
    let looked = looked.map_err(|error| CallError::new("ec2:DescribeAddresses", allocation, error));
    let found = match looked {
        Err(error) if is_gone(&error) => return Ok(()),
        answer => answer.map_err(|error| failed(error, &[]))?,
    };
    let Some(address) = found.addresses().first() else { return Ok(()) };
    let user = address.association_id().or(address.network_interface_id());
    if let Some(user) = user.or(address.instance_id()).filter(|user| !user.is_empty()) {
        return Err(Error::Conflict { what: format!("{allocation} is associated ({user})") });
    }
    let answer = client.release_address().allocation_id(allocation).send().await;
    let answer = answer.map_err(|error| CallError::new("ec2:ReleaseAddress", allocation, error));
    done(answer, &["InvalidIPAddress.InUse", "InvalidAddress.Locked"])
}

/// One that is terminated is gone, though it is shown for about an hour. Source: "TerminateInstances".
pub(super) async fn stop_instance(client: &Client, instance: &str) -> Result<(), Error> {
    let answer = client.stop_instances().instance_ids(instance).send().await;
    let answer = answer.map_err(|error| CallError::new("ec2:StopInstances", instance, error));
    match answer {
        Err(error)
            if error.code() == Some("IncorrectInstanceState")
                && is_terminated(client, instance).await? =>
        {
            Ok(())
        }
        answer => done(answer, &["IncorrectInstanceState", "OperationNotPermitted"]),
    }
}

async fn is_terminated(client: &Client, instance: &str) -> Result<bool, Error> {
    let answer = client.describe_instances().instance_ids(instance).send().await;
    let answer =
        match answer.map_err(|error| CallError::new("ec2:DescribeInstances", instance, error)) {
            Err(error) if is_gone(&error) => return Ok(true),
            answer => answer.map_err(|error| failed(error, &[]))?,
        };
    let mut all = answer.reservations().iter().flat_map(|one| one.instances());
    let ending = [InstanceStateName::ShuttingDown, InstanceStateName::Terminated];
    let state = all.next().and_then(|one| one.state()?.name());
    Ok(state.is_none_or(|state| ending.contains(state)))
}

/// What is no longer gp2 was changed by somebody else, unless it is what it should be.
pub(super) async fn convert_volume(
    client: &Client,
    volume: &str,
    iops: u32,
    throughput_mib: u32,
) -> Result<(), Error> {
    let wanted = Wanted { iops: number(iops), throughput: number(throughput_mib) };
    let looked = client.describe_volumes().volume_ids(volume).send().await;
    let looked = looked.map_err(|error| CallError::new("ec2:DescribeVolumes", volume, error));
    let found = match looked {
        Err(error) if is_gone(&error) => return Ok(()),
        answer => answer.map_err(|error| failed(error, &[]))?,
    };
    let Some(now) = found.volumes().first() else { return Ok(()) };
    match now.volume_type() {
        Some(VolumeType::Gp2) => {}
        Some(VolumeType::Gp3) if wanted.is(now.iops(), now.throughput()) => return Ok(()),
        other => {
            let kind = other.map_or("of an unknown type", VolumeType::as_str);
            return Err(Error::Conflict { what: format!("{volume} is {kind} by now, not gp2") });
        }
    }
    let modify = client.modify_volume().volume_id(volume).volume_type(VolumeType::Gp3);
    let modify = modify.iops(wanted.iops).throughput(wanted.throughput);
    let answer = modify.send().await;
    let answer = answer.map_err(|error| CallError::new("ec2:ModifyVolume", volume, error));
    match answer {
        Err(error)
            if error.code() == Some("IncorrectModificationState")
                && is_becoming(client, volume, wanted).await? =>
        {
            Ok(())
        }
        // "You must wait for that modification to reach the completed state": "ModifyVolume".
        answer => {
            done(answer, &["IncorrectModificationState", "VolumeModificationRateExceeded", STATE])
        }
    }
}

/// How a volume is to be.
#[derive(Clone, Copy)]
struct Wanted {
    iops: i32,
    throughput: i32,
}

impl Wanted {
    fn is(self, iops: Option<i32>, throughput: Option<i32>) -> bool {
        (iops, throughput) == (Some(self.iops), Some(self.throughput))
    }
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Whether the change that is under way is the one that is wanted: that of an earlier call whose answer was lost.
async fn is_becoming(client: &Client, volume: &str, wanted: Wanted) -> Result<bool, Error> {
    let answer = client.describe_volumes_modifications().volume_ids(volume).send().await;
    let answer = answer
        .map_err(|error| CallError::new("ec2:DescribeVolumesModifications", volume, error))
        .map_err(|error| failed(error, &[]))?;
    let is_under_way = |one: &&VolumeModification| {
        matches!(
            one.modification_state(),
            Some(VolumeModificationState::Modifying | VolumeModificationState::Optimizing)
        )
    };
    let mut under_way = answer.volumes_modifications().iter().filter(is_under_way);
    Ok(under_way.any(|one| {
        one.target_volume_type() == Some(&VolumeType::Gp3)
            && wanted.is(one.target_iops(), one.target_throughput())
    }))
}
