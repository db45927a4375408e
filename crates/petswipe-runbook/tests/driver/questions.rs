//! Questions: answered, unanswered, and asked again.

use std::sync::Arc;

use petswipe_runbook::{Answer, AutoApprover, ChannelApprover, Event};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn an_answer_is_recorded_with_the_key_of_its_question() {
    let house = House::new();
    let approver = Arc::new(AutoApprover { by: "ops".to_owned() });
    let plan = script([Act::Ask("go on".to_owned(), 60)]);
    house.driver().approver(approver).start(operation("a"), plan).await.unwrap();
    let records = house.records().await;
    let answer = Answer::yes("ops");
    assert_eq!(records[1].event, Event::Answered { key: "go on".to_owned(), answer });
}

#[tokio::test(start_paused = true)]
async fn without_an_approver_the_answer_is_no() {
    let house = House::new();
    let plan = script([Act::Ask("go on".to_owned(), 60)]);
    let done = house.driver().start(operation("a"), plan).await.unwrap();
    assert_eq!(done.state.results, ["go on: false"]);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_is_over_at_its_deadline() {
    let house = House::new();
    let (approver, questions) = ChannelApprover::new();
    drop(questions);
    let plan = script([Act::Ask("go on".to_owned(), 60)]);
    let done = house.driver().approver(Arc::new(approver)).start(operation("a"), plan).await;
    assert_eq!(done.unwrap().state.results, ["go on: unanswered"]);
    assert_eq!(house.events().await[1], "60 unanswered go on");
}

#[tokio::test(start_paused = true)]
async fn an_open_question_is_asked_again_by_the_next_driver() {
    let house = House::new();
    let (approver, mut questions) = ChannelApprover::new();
    let driver = house.driver().approver(Arc::new(approver));
    let plan = script([Act::Ask("go on".to_owned(), 600)]);
    {
        let story = driver.start(operation("a"), plan);
        tokio::select! {
            _ = story => panic!("nobody answered"),
            () = house.after(5) => {}
        }
    }
    let person = async {
        let (_, place) = questions.recv().await.unwrap();
        assert!(place.is_closed(), "the first driver is gone");
        let (_, place) = questions.recv().await.unwrap();
        place.send(Answer::yes("ops")).unwrap();
    };
    let (done, ()) = tokio::join!(driver.resume(), person);
    assert_eq!(done.unwrap().state.results, ["go on: true"]);
}
