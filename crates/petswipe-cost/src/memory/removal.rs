//! Acting upon the account in memory.

use async_trait::async_trait;

use super::MemoryAccount;
use crate::inventory::{InstanceState, Inventory, Snapshot, VolumeKind, VolumeState};
use crate::removal::Remover;
use crate::{Action, Error, Region};

#[async_trait]
impl Remover for MemoryAccount {
    async fn snapshot(&self, region: &Region, volume: &str, token: &str) -> Result<String, Error> {
        self.call("ec2:CreateSnapshot", 1)?;
        let mut state = self.state();
        if let Some(id) = state.snapshots.get(token) {
            return Ok(id.clone());
        }
        let found =
            state.inventory.volumes.iter().find(|one| one.id == volume && one.region == *region);
        let Some(volume) = found.cloned() else {
            return Err(Error::NotFound { what: volume.to_owned() });
        };
        let id = format!("snap-{:017x}", state.snapshots.len() + 1);
        let snapshot = Snapshot {
            id: id.clone(),
            region: region.clone(),
            tags: volume.tags,
            volume_id: volume.id,
            size_gib: volume.size_gib,
            archived: false,
            completed: true,
            // When it was begun matters to nobody here; a clock of its own this account has not.
            started_at: volume.created_at,
            description: token.to_owned(),
        };
        state.inventory.snapshots.push(snapshot);
        state.snapshots.insert(token.to_owned(), id.clone());
        Ok(id)
    }

    async fn act(&self, region: &Region, action: &Action) -> Result<(), Error> {
        self.call(name(action), 1)?;
        perform(&mut self.state().inventory, region, action)
    }
}

/// The action as IAM names it.
fn name(action: &Action) -> &'static str {
    match action {
        Action::DeleteVolume { .. } => "ec2:DeleteVolume",
        Action::ReleaseAddress { .. } => "ec2:ReleaseAddress",
        Action::DeleteSnapshot { .. } => "ec2:DeleteSnapshot",
        Action::DeleteDatabaseSnapshot { .. } => "rds:DeleteDBSnapshot",
        Action::DeleteClusterSnapshot { .. } => "rds:DeleteDBClusterSnapshot",
        Action::DeleteLoadBalancer { .. } => "elasticloadbalancing:DeleteLoadBalancer",
        Action::DeleteNatGateway { .. } => "ec2:DeleteNatGateway",
        Action::StopInstance { .. } => "ec2:StopInstances",
        Action::ConvertVolume { .. } => "ec2:ModifyVolume",
        Action::SetRetention { .. } => "logs:PutRetentionPolicy",
    }
}

fn perform(inventory: &mut Inventory, region: &Region, action: &Action) -> Result<(), Error> {
    let conflict = |what: String| Err(Error::Conflict { what });
    match action {
        Action::DeleteVolume { volume } => {
            let is = |one: &crate::inventory::Volume| one.id == *volume && one.region == *region;
            if inventory.volumes.iter().any(|one| is(one) && one.state == VolumeState::InUse) {
                return conflict(format!("{volume} is attached"));
            }
            inventory.volumes.retain(|one| !is(one));
        }
        Action::ReleaseAddress { allocation } => {
            let is =
                |one: &crate::inventory::Address| one.id == *allocation && one.region == *region;
            if inventory.addresses.iter().any(|one| is(one) && one.associated_with.is_some()) {
                return conflict(format!("{allocation} is associated"));
            }
            inventory.addresses.retain(|one| !is(one));
        }
        Action::DeleteSnapshot { snapshot } => {
            if let Some(image) =
                inventory.images.iter().find(|one| one.snapshots.contains(snapshot))
            {
                return conflict(format!("{} needs {snapshot}", image.id));
            }
            inventory.snapshots.retain(|one| one.id != *snapshot || one.region != *region);
        }
        Action::DeleteDatabaseSnapshot { snapshot } => {
            inventory.database_snapshots.retain(|one| one.id != *snapshot || one.region != *region);
        }
        Action::DeleteClusterSnapshot { snapshot } => inventory
            .database_snapshots
            .retain(|one| !one.cluster || one.name() != snapshot || one.region != *region),
        Action::DeleteLoadBalancer { balancer } => {
            inventory.load_balancers.retain(|one| one.id != *balancer || one.region != *region);
        }
        Action::DeleteNatGateway { gateway } => {
            inventory.nat_gateways.retain(|one| one.id != *gateway || one.region != *region);
        }
        Action::StopInstance { instance } => {
            let mut all = inventory.instances.iter_mut();
            if let Some(one) = all.find(|one| one.id == *instance && one.region == *region) {
                one.state = InstanceState::Stopped;
            }
        }
        Action::ConvertVolume { volume, iops, throughput_mib } => {
            let mut all = inventory.volumes.iter_mut();
            if let Some(one) = all.find(|one| one.id == *volume && one.region == *region) {
                one.kind = VolumeKind::Gp3;
                (one.iops, one.throughput_mib) = (Some(*iops), Some(*throughput_mib));
            }
        }
        Action::SetRetention { group, days } => {
            let mut all = inventory.log_groups.iter_mut();
            if let Some(one) = all.find(|one| one.name == *group && one.region == *region) {
                one.retention_days = Some(*days);
            }
        }
    }
    Ok(())
}
