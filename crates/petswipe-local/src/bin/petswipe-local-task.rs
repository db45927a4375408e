//! Plays the roles of the local cloud for programs that can't re-execute themselves, such as test harnesses.

fn main() -> std::process::ExitCode {
    petswipe_local::run_task_if_asked();
    eprintln!("this program is started by petswipe-local itself; see CloudConfig::program");
    std::process::ExitCode::from(2)
}
