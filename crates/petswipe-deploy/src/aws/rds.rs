//! Database instances of Amazon RDS.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbInstance, PendingModifiedValues};
use aws_types::SdkConfig;
use petswipe_aws::{CallError, Statement};

use super::Place;
use super::error::called;
use crate::scaling::{DatabaseInstance, DatabaseInstances};
use crate::{Authority, Error};

/// Changes the class of DB instances, each found by its identifier.
///
/// AWS keeps no fencing numbers. A command is answered before it has an effect: for a while the instance goes on being
/// `available`, with the class pending.
pub struct RdsInstances {
    client: Client,
}

impl RdsInstances {
    /// The instances of an account and region.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// What [`DatabaseInstances`] needs here for one instance.
    ///
    /// Source: "Actions, resources, and condition keys for Amazon RDS", Service Authorization Reference.
    pub fn statements(place: &Place, instance: &str) -> Vec<Statement> {
        // Identifiers are kept in lower case: API reference of CreateDBInstance.
        let one = [place.arn("rds", &format!("db:{}", instance.to_lowercase()))];
        let actions = ["rds:DescribeDBInstances", "rds:ModifyDBInstance"];
        vec![
            Statement::allow("ChangeInstance", actions, one),
            Statement::allow("ReadClasses", ["rds:DescribeOrderableDBInstanceOptions"], ["*"]),
        ]
    }

    async fn described(&self, name: &str) -> Result<DbInstance, Error> {
        let action = "DescribeDBInstances";
        let asked = self.client.describe_db_instances().db_instance_identifier(name).send().await;
        let asked = asked.map_err(|e| called(CallError::new(action, about(name), e)))?;
        let mut found = asked.db_instances.unwrap_or_default();
        // Identifiers are kept in lower case: API reference of CreateDBInstance.
        found.retain(|instance| {
            instance.db_instance_identifier().is_some_and(|id| id.eq_ignore_ascii_case(name))
        });
        match (found.pop(), found.len()) {
            (Some(instance), 0) => Ok(instance),
            (None, _) => Err(Error::NotFound { what: about(name) }),
            (Some(_), more) => {
                let why = format!("{} instances of that identifier", more + 1);
                Err(called(CallError::unusable(action, about(name), why)))
            }
        }
    }
}

#[async_trait]
impl DatabaseInstances for RdsInstances {
    async fn instance(&self, name: &str) -> Result<DatabaseInstance, Error> {
        let found = self.described(name).await?;
        let missing = |what: &str| {
            let why = format!("an instance without {what}");
            called(CallError::unusable("DescribeDBInstances", about(name), why))
        };
        let text =
            |held: Option<&str>, what: &str| held.map(str::to_owned).ok_or_else(|| missing(what));
        let pending = found.pending_modified_values();
        Ok(DatabaseInstance {
            name: name.to_owned(),
            class: text(found.db_instance_class(), "a class")?,
            status: text(found.db_instance_status(), "a status")?,
            pending_class: pending
                .and_then(PendingModifiedValues::db_instance_class)
                .map(str::to_owned),
            pending: pending.map(others).unwrap_or_default(),
            multi_az: found.multi_az().unwrap_or(false),
            engine: [found.engine(), found.engine_version()]
                .map(Option::unwrap_or_default)
                .join(" "),
        })
    }

    async fn offered_classes(&self, name: &str) -> Result<BTreeSet<String>, Error> {
        let found = self.described(name).await?;
        let engine = found.engine().unwrap_or_default();
        let options = self.client.describe_orderable_db_instance_options().engine(engine);
        let options = options.set_engine_version(found.engine_version().map(str::to_owned));
        let options = options.set_vpc(found.db_subnet_group().map(|_| true));
        let mut pages = options.into_paginator().send();
        let mut offered = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let action = "DescribeOrderableDBInstanceOptions";
            let page = page.map_err(|e| called(CallError::new(action, about(name), e)))?;
            for option in page.orderable_db_instance_options() {
                let standby =
                    found.multi_az() != Some(true) || option.multi_az_capable() == Some(true);
                // Not every class takes every kind of storage.
                let storage = found.storage_type().is_none_or(|storage| {
                    option.storage_type().is_none_or(|offered| offered == storage)
                });
                let class = option.db_instance_class().filter(|_| standby && storage);
                offered.extend(class.map(str::to_owned));
            }
        }
        Ok(offered)
    }

    async fn modify_class(
        &self,
        _authority: &Authority,
        name: &str,
        class: &str,
    ) -> Result<(), Error> {
        let now = self.instance(name).await?;
        if now.class == class && now.pending_class.is_none() {
            return Ok(());
        }
        let conflict = |found: String| Error::Conflict {
            what: format!("the status of {}", about(name)),
            expected: DatabaseInstance::AVAILABLE.to_owned(),
            found,
        };
        if !now.is_available() {
            return Err(conflict(now.status));
        }
        let modify = self.client.modify_db_instance().db_instance_identifier(name);
        let modify = modify.db_instance_class(class).apply_immediately(true).send().await;
        let refused = match modify {
            Ok(_) => return Ok(()),
            Err(e) => CallError::new("ModifyDBInstance", about(name), e),
        };
        Err(match refused.code() {
            Some("InvalidDBInstanceState" | "InvalidDBInstanceStateFault") => {
                conflict("another one".to_owned())
            }
            Some("InvalidParameterValue" | "InvalidParameterCombination") => {
                Error::invalid("class", class, format!("one that is offered for {}", now.engine))
            }
            _ => called(refused),
        })
    }
}

fn about(name: &str) -> String {
    format!("database instance {name}")
}

/// What is pending beside the class, in words.
fn others(pending: &PendingModifiedValues) -> Vec<String> {
    let number = |name: &str, value: Option<i32>| value.map(|value| format!("{name} {value}"));
    let text = |name: &str, value: Option<&str>| value.map(|value| format!("{name} {value}"));
    let secret = pending.master_user_password().map(|_| "a new master password".to_owned());
    let standby = pending.multi_az().map(|on| format!("Multi-AZ {on}"));
    let sign_in = pending.iam_database_authentication_enabled();
    let all = [
        number("storage", pending.allocated_storage()),
        number("port", pending.port()),
        number("backup retention", pending.backup_retention_period()),
        number("IOPS", pending.iops()),
        number("storage throughput", pending.storage_throughput()),
        text("engine version", pending.engine_version()),
        text("license", pending.license_model()),
        text("identifier", pending.db_instance_identifier()),
        text("storage type", pending.storage_type()),
        text("certificate", pending.ca_certificate_identifier()),
        text("subnet group", pending.db_subnet_group_name()),
        sign_in.map(|on| format!("IAM authentication {on}")),
        standby,
        secret,
    ];
    all.into_iter().flatten().collect()
}
