//! Looking for the alarms.

use super::{Held, Survey};
use crate::aws::failed::{Failed, called};
use crate::aws::stack::Run;
use crate::aws::stack::resource::Resource;

impl Survey {
    /// Looks at CloudWatch.
    pub(super) async fn look_for_alarms(&mut self, run: &Run<'_>) -> Result<(), Failed> {
        let client = &run.account.watching;
        let parts = Resource::all().into_iter().filter(|part| matches!(part, Resource::Alarm(..)));
        let alarms: Vec<_> = parts.map(|part| (part, run.names.of(part))).collect();
        let names = alarms.iter().map(|(_, name)| name.clone()).collect();
        let asked = client.describe_alarms().set_alarm_names(Some(names));
        let answer = called("DescribeAlarms", run.names.base(), asked.send().await)?;
        for (part, name) in alarms {
            let mut found = answer.metric_alarms().iter();
            let found = found.find(|alarm| alarm.alarm_name() == Some(&name));
            let Some(arn) = found.and_then(|alarm| alarm.alarm_arn()) else {
                continue;
            };
            let tags = client.list_tags_for_resource().resource_arn(arn).send().await;
            let tags = called("ListTagsForResource", &name, tags)?;
            let foreign = run.names.foreign(tags.tags().iter().map(|tag| (tag.key(), tag.value())));
            self.held.insert(part, Held::of(&name, foreign));
        }
        Ok(())
    }
}
