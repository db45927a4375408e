//! Times as the SDKs have them.

use aws_smithy_types::DateTime;
use jiff::Timestamp;

/// A time of an answer; `None` also for one that is out of range.
pub(super) fn time(at: Option<&DateTime>) -> Option<Timestamp> {
    Timestamp::from_nanosecond(at?.as_nanos()).ok()
}
