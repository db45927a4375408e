//! Whole rollouts by the real examples, judged by CloudWatch's minutes: what the emulators lack the agent plays.
//!
//! A minute of metrics counts when it lies wholly in a stage, so most of the time these tests wait, and they do it together.

mod support;
mod together;

mod blue_green;
mod disturbed;
mod input;
mod leased;
mod others;
mod promoted;
mod rolled_back;
mod rolling;
mod undone;

pub use support::{on, signalled};

together::tests! {
    blue_green::what_passes_the_smoke_test_gets_everything_at_once,
    blue_green::what_fails_the_smoke_test_gets_no_user,
    blue_green::a_standing_rule_for_test_traffic_does_not_hold_a_rollout_up,
    blue_green::a_smoke_test_over_https_is_told_a_name_of_the_certificate,
    disturbed::a_killed_canary_is_gone_on_with_and_promoted,
    disturbed::ctrl_c_brings_everything_back,
    disturbed::sigterm_brings_everything_back,
    disturbed::credentials_that_expire_half_way_leave_it_to_be_gone_on_with,
    leased::a_lease_on_s3_keeps_operators_of_other_machines_out,
    others::weights_of_somebody_else_stay,
    others::a_deployment_of_somebody_else_stays,
    promoted::a_good_version_gets_everything_in_stages,
    rolled_back::a_bad_version_goes_back_and_leaves_everything_as_it_was,
    rolling::a_good_version_replaces_the_old_one_where_it_is,
    rolling::a_bad_version_is_replaced_by_the_old_one,
    undone::what_was_promoted_is_taken_back,
}
