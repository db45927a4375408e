//! An account in which things are deleted and changed, and that refuses as AWS documents.

use std::collections::BTreeMap;

use petswipe_aws::script::{Answer, Call, Form, Refusal, Service};

use crate::account::{ABROAD, ACCOUNT, HOME};

pub struct Volume {
    pub kind: &'static str,
    pub attached: bool,
    pub iops: i64,
    pub throughput: i64,
    /// What it is on the way to.
    pub modifying: Option<(i64, i64)>,
}

impl Volume {
    pub fn of(kind: &'static str) -> Self {
        Self { kind, attached: false, iops: 300, throughput: 125, modifying: None }
    }
}

pub struct Snapshot {
    pub id: String,
    pub volume: String,
    pub description: String,
    pub tags: Vec<(String, String)>,
    /// So many looks at it are yet to come before it is complete.
    pub looks: usize,
    pub failed: bool,
}

pub struct Cloud {
    /// Whose credentials these are.
    pub account: &'static str,
    pub volumes: BTreeMap<String, Volume>,
    pub snapshots: Vec<Snapshot>,
    /// So many looks at a new snapshot before it is complete.
    pub looks: usize,
    /// So many searches do not find what was made yet.
    pub unseen: usize,
    /// The next snapshots fail.
    pub failing: usize,
    /// The next calls of these actions are refused with that.
    pub refusing: BTreeMap<String, Vec<&'static str>>,
    /// By allocation, what each is associated with.
    pub addresses: BTreeMap<String, Option<String>>,
    pub instances: BTreeMap<String, &'static str>,
    /// Whatever else can be deleted, by its id.
    pub others: Vec<String>,
    pub retention: BTreeMap<String, Option<i64>>,
}

impl Default for Cloud {
    fn default() -> Self {
        let volumes = [("vol-1", false), ("vol-attached", true)];
        let volumes =
            volumes.map(|(id, attached)| (id.to_owned(), Volume { attached, ..Volume::of("gp2") }));
        Self {
            account: ACCOUNT,
            volumes: volumes.into(),
            snapshots: Vec::new(),
            looks: 2,
            unseen: 0,
            failing: 0,
            refusing: BTreeMap::new(),
            addresses: BTreeMap::new(),
            instances: BTreeMap::new(),
            others: Vec::new(),
            retention: BTreeMap::new(),
        }
    }
}

impl Service for Cloud {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        if ![HOME, ABROAD].contains(&call.region.as_str()) {
            return Err("AuthFailure".into());
        }
        if let Some(codes) = self.refusing.get_mut(&call.action)
            && let Some(code) = codes.pop()
        {
            return Err(code.into());
        }
        let form = call.form();
        let id = |name: &str| form.get(name).unwrap_or_default().to_owned();
        let done = || Ok(Answer::Xml("<return>true</return>".to_owned()));
        match call.action.as_str() {
            "sts:GetCallerIdentity" => {
                Ok(Answer::Xml(format!("<Account>{}</Account>", self.account)))
            }
            "ec2:CreateSnapshot" => self.create(&form),
            "ec2:DescribeSnapshots" => self.describe(&form),
            "ec2:DeleteVolume" => match self.volumes.get(&id("VolumeId")) {
                None => Err("InvalidVolume.NotFound".into()),
                Some(volume) if volume.attached => {
                    Err(Refusal::new("VolumeInUse", "Volume is currently attached to i-1"))
                }
                Some(_) => {
                    self.volumes.remove(&id("VolumeId"));
                    done()
                }
            },
            "ec2:DescribeVolumes" => self.volume(&id("VolumeId.1")),
            "ec2:ModifyVolume" => self.modify(&form),
            "ec2:DescribeVolumesModifications" => Ok(Answer::Xml(self.modified(&id("VolumeId.1")))),
            "ec2:DeleteSnapshot" => {
                let id = id("SnapshotId");
                let found = self.snapshots.iter().position(|one| one.id == id);
                let found = found.ok_or_else(|| Refusal::from("InvalidSnapshot.NotFound"))?;
                self.snapshots.remove(found);
                done()
            }
            "ec2:DescribeAddresses" => self.address(&id("AllocationId.1")),
            // In a default VPC it is simply taken from what uses it.
            "ec2:ReleaseAddress" => match self.addresses.remove(&id("AllocationId")) {
                Some(_) => done(),
                None => Err("InvalidAllocationID.NotFound".into()),
            },
            "ec2:StopInstances" => self.stop(&id("InstanceId.1")),
            "ec2:DescribeInstances" => self.instance(&id("InstanceId.1")),
            "ec2:DeleteNatGateway" => self.delete(&id("NatGatewayId"), "NatGatewayNotFound"),
            "rds:DeleteDBClusterSnapshot" => {
                let name = id("DBClusterSnapshotIdentifier");
                self.delete(&format!("cluster {name}"), "DBClusterSnapshotNotFoundFault")
            }
            "rds:DeleteDBSnapshot" => {
                self.delete(&id("DBSnapshotIdentifier"), "DBSnapshotNotFound")
            }
            "elasticloadbalancing:DeleteLoadBalancer" => {
                let (version, name) = match form.get("LoadBalancerArn") {
                    Some(arn) => ("2015-12-01", arn.to_owned()),
                    None => ("2012-06-01", id("LoadBalancerName")),
                };
                if form.get("Version") != Some(version) {
                    return Err("InvalidAction".into());
                }
                // What does not exist is deleted already.
                self.others.retain(|one| *one != name);
                Ok(Answer::Xml(String::new()))
            }
            "logs:PutRetentionPolicy" => {
                let asked = call.json();
                let group = asked["logGroupName"].as_str().unwrap_or_default();
                let kept = self.retention.get_mut(group);
                let kept = kept.ok_or_else(|| Refusal::from("ResourceNotFoundException"))?;
                *kept = asked["retentionInDays"].as_i64();
                Ok(Answer::Json(serde_json::json!({})))
            }
            _ => Err("InvalidAction".into()),
        }
    }
}

impl Cloud {
    fn delete(&mut self, id: &str, missing: &str) -> Result<Answer, Refusal> {
        let found = self.others.iter().position(|one| one == id);
        self.others.remove(found.ok_or_else(|| Refusal::from(missing))?);
        Ok(Answer::Xml(String::new()))
    }

    fn create(&mut self, form: &Form) -> Result<Answer, Refusal> {
        let volume = form.get("VolumeId").unwrap_or_default().to_owned();
        if !self.volumes.contains_key(&volume) {
            return Err("InvalidVolume.NotFound".into());
        }
        if form.get("TagSpecification.1.ResourceType") != Some("snapshot") {
            return Err("InvalidParameterValue".into());
        }
        let tags = (1..).map_while(|number| {
            let part = |part: &str| form.get(&format!("TagSpecification.1.Tag.{number}.{part}"));
            Some((part("Key")?.to_owned(), part("Value")?.to_owned()))
        });
        let failed = self.failing > 0;
        self.failing = self.failing.saturating_sub(1);
        let one = Snapshot {
            id: format!("snap-{}", self.snapshots.len() + 1),
            volume,
            description: form.get("Description").unwrap_or_default().to_owned(),
            tags: tags.collect(),
            looks: self.looks,
            failed,
        };
        let answer = Ok(Answer::Xml(written(&one)));
        self.snapshots.push(one);
        answer
    }

    fn describe(&mut self, form: &Form) -> Result<Answer, Refusal> {
        let all: String = if let Some(id) = form.get("SnapshotId.1") {
            let found = self.snapshots.iter_mut().find(|one| one.id == id);
            let found = found.ok_or_else(|| Refusal::from("InvalidSnapshot.NotFound"))?;
            found.looks = found.looks.saturating_sub(1);
            format!("<item>{}</item>", written(found))
        } else {
            if (form.get("Owner.1"), form.get("Filter.1.Name")) != (Some("self"), Some("volume-id"))
                || form.get("Filter.2.Name") != Some("tag:petswipe:token")
            {
                return Err("InvalidParameterValue".into());
            }
            if self.unseen > 0 {
                self.unseen -= 1;
                return Ok(Answer::Xml("<snapshotSet/>".to_owned()));
            }
            let volume = form.get("Filter.1.Value.1").unwrap_or_default();
            let token = form.get("Filter.2.Value.1").unwrap_or_default();
            let is = |one: &&Snapshot| {
                one.volume == volume
                    && one
                        .tags
                        .iter()
                        .any(|(key, value)| key == "petswipe:token" && is_like(token, value))
            };
            let found = self.snapshots.iter().filter(is);
            found.map(|one| format!("<item>{}</item>", written(one))).collect()
        };
        Ok(Answer::Xml(format!("<snapshotSet>{all}</snapshotSet>")))
    }

    fn volume(&self, id: &str) -> Result<Answer, Refusal> {
        let found = self.volumes.get(id);
        let Volume { kind, iops, throughput, .. } =
            found.ok_or_else(|| Refusal::from("InvalidVolume.NotFound"))?;
        Ok(Answer::Xml(format!(
            "<volumeSet><item><volumeId>{id}</volumeId><volumeType>{kind}</volumeType><iops>{iops}</iops>\
             <throughput>{throughput}</throughput></item></volumeSet>"
        )))
    }

    fn modify(&mut self, form: &Form) -> Result<Answer, Refusal> {
        let number = |name: &str| form.get(name).and_then(|text| text.parse().ok());
        let found = self.volumes.get_mut(form.get("VolumeId").unwrap_or_default());
        let found = found.ok_or_else(|| Refusal::from("InvalidVolume.NotFound"))?;
        if found.modifying.is_some() {
            return Err("IncorrectModificationState".into());
        }
        if form.get("VolumeType") != Some("gp3") {
            return Err("InvalidParameterValue".into());
        }
        // It is gp2 until that has begun in earnest.
        found.modifying = number("Iops").zip(number("Throughput"));
        Ok(Answer::Xml(String::new()))
    }

    fn modified(&self, id: &str) -> String {
        let modification = self.volumes.get(id).and_then(|volume| volume.modifying);
        let item = modification.map(|(iops, throughput)| {
            format!(
                "<item><volumeId>{id}</volumeId><modificationState>modifying</modificationState>\
                 <targetVolumeType>gp3</targetVolumeType><targetIops>{iops}</targetIops>\
                 <targetThroughput>{throughput}</targetThroughput></item>"
            )
        });
        format!("<volumeModificationSet>{}</volumeModificationSet>", item.unwrap_or_default())
    }

    fn address(&self, allocation: &str) -> Result<Answer, Refusal> {
        let found = self.addresses.get(allocation);
        let user = found.ok_or_else(|| Refusal::from("InvalidAllocationID.NotFound"))?;
        let user = user.as_ref().map(|user| format!("<associationId>{user}</associationId>"));
        Ok(Answer::Xml(format!(
            "<addressesSet><item><allocationId>{allocation}</allocationId>{}</item></addressesSet>",
            user.unwrap_or_default()
        )))
    }

    fn stop(&mut self, id: &str) -> Result<Answer, Refusal> {
        let state = self.instances.get_mut(id);
        let state = state.ok_or_else(|| Refusal::from("InvalidInstanceID.NotFound"))?;
        if !["running", "stopped"].contains(state) {
            return Err("IncorrectInstanceState".into());
        }
        *state = "stopped";
        Ok(Answer::Xml("<instancesSet/>".to_owned()))
    }

    fn instance(&self, id: &str) -> Result<Answer, Refusal> {
        let state = self.instances.get(id);
        let state = state.ok_or_else(|| Refusal::from("InvalidInstanceID.NotFound"))?;
        Ok(Answer::Xml(format!(
            "<reservationSet><item><instancesSet><item><instanceId>{id}</instanceId><instanceState>\
             <name>{state}</name></instanceState></item></instancesSet></item></reservationSet>"
        )))
    }
}

fn written(one: &Snapshot) -> String {
    let Snapshot { id, volume, looks, failed, .. } = one;
    let state = match (failed, looks) {
        (true, _) => "<status>error</status><statusMessage>no key</statusMessage>".to_owned(),
        (false, 0) => "<status>completed</status>".to_owned(),
        (false, _) => "<status>pending</status><progress>40%</progress>".to_owned(),
    };
    let tags: Vec<_> = one.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let tags = crate::ec2::tags(&tags);
    format!("<snapshotId>{id}</snapshotId><volumeId>{volume}</volumeId>{state}{tags}")
}

/// Whether a value is like that of a filter, in which `*` stands for anything unless a backslash is before it.
fn is_like(filter: &str, value: &str) -> bool {
    match filter.strip_suffix('*').filter(|begin| !begin.ends_with('\\')) {
        Some(begin) => value.starts_with(begin),
        None => filter.replace('\\', "") == value,
    }
}
