//! The contracts of the sources of [`diagnosis`](crate::diagnosis), sentence by sentence. Each has a world of its own, in which
//! what it shall find is made to happen.

mod cloud;
mod database;

pub use cloud::*;
pub use database::*;

/// Expands to a module with one test per listed function. Use the macros that list them.
#[doc(hidden)]
#[macro_export]
macro_rules! diagnosis_tests {
    ($module:ident, $world:expr, [$($sentence:ident),* $(,)?]) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[::tokio::test]
                async fn $sentence() {
                    let world = $world;
                    $crate::conformance::diagnosis::$sentence(&world).await;
                }
            )*
        }
    };
}

/// Makes a module of tests which hold a source to the contract of [`LogSearch`](crate::diagnosis::LogSearch); the
/// expression gives a new [`LogWorld`].
#[macro_export]
macro_rules! log_search_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::diagnosis_tests!(
            $module,
            $world,
            [
                lines_are_of_the_window_and_the_words_asked,
                lines_are_in_the_order_of_their_time,
                what_is_left_out_is_said,
                logs_of_nobody_are_not_found,
            ]
        );
    };
}

/// The same for [`TargetHealth`](crate::diagnosis::TargetHealth), with a [`TargetWorld`].
#[macro_export]
macro_rules! target_health_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::diagnosis_tests!(
            $module,
            $world,
            [
                every_target_is_there_with_its_condition,
                a_target_that_fails_says_why,
                targets_of_nobody_are_not_found,
            ]
        );
    };
}

/// The same for [`ServiceEvents`](crate::diagnosis::ServiceEvents), with a [`ServiceWorld`].
#[macro_export]
macro_rules! service_events_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::diagnosis_tests!(
            $module,
            $world,
            [
                the_newest_deployment_and_event_are_first,
                a_task_that_crashed_is_among_the_stopped,
                services_of_nobody_are_not_found,
            ]
        );
    };
}

/// The same for [`ScalingActivities`](crate::diagnosis::ScalingActivities), with a [`ScalingWorld`].
#[macro_export]
macro_rules! scaling_activities_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::diagnosis_tests!(
            $module,
            $world,
            [limits_are_told_and_activities_go_back_in_time, what_does_not_scale_is_none,]
        );
    };
}

/// The same for [`DatabaseActivity`](crate::diagnosis::DatabaseActivity), with a [`DatabaseWorld`].
#[macro_export]
macro_rules! database_activity_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::diagnosis_tests!(
            $module,
            $world,
            [
                a_session_that_waits_names_who_blocks_it,
                an_open_transaction_is_told_with_its_age,
                query_texts_hold_no_values,
                connections_are_held_against_their_limit,
            ]
        );
    };
}

/// The same for [`DatabaseLoad`](crate::diagnosis::DatabaseLoad), with a [`LoadWorld`].
#[macro_export]
macro_rules! database_load_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::diagnosis_tests!(
            $module,
            $world,
            [a_gauge_that_was_not_measured_is_none, the_gauges_are_the_newest_of_the_window,]
        );
    };
}
