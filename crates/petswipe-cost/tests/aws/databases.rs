//! RDS: pages of 20 to 100.

use petswipe_aws::script::{Answer, Call, Refusal};

use crate::account::{Account, limit, optional};

pub fn answer(account: &mut Account, call: &Call) -> Result<Answer, Refusal> {
    let form = call.form();
    let (list, entry) = match call.operation() {
        "DescribeDBInstances" => ("DBInstances", "DBInstance"),
        "DescribeDBSnapshots" => ("DBSnapshots", "DBSnapshot"),
        "DescribeDBClusterSnapshots" if form.get("SnapshotType") == Some("manual") => {
            ("DBClusterSnapshots", "DBClusterSnapshot")
        }
        _ => return Err("InvalidAction".into()),
    };
    let all = account.list(call, list);
    let most = limit(form.get("MaxRecords"), 100, 20..=100, "InvalidParameterValue")?;
    let (page, next) =
        account.paged(call, all, most, form.get("Marker"), "InvalidParameterValue")?;
    let all: String =
        page.into_iter().map(|(_, one)| format!("<{entry}>{one}</{entry}>")).collect();
    Ok(Answer::Xml(format!("<{list}>{all}</{list}>{}", optional("Marker", next))))
}

impl Account {
    pub fn database(&mut self, region: &str, id: &str, engine: &str, status: &str, rest: &str) {
        let entry = format!(
            "<DBInstanceIdentifier>{id}</DBInstanceIdentifier><Engine>{engine}</Engine><DBInstanceStatus>{status}</DBInstanceStatus>\
             <DBInstanceClass>db.t3.micro</DBInstanceClass><AllocatedStorage>20</AllocatedStorage><StorageType>gp3</StorageType>{rest}"
        );
        self.put(region, "DBInstances", id, entry);
    }
}
