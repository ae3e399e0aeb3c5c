//! What the handle of a notifier does about lost answers and answers that are not what was asked for.

use circle_core_common::interfaces::notifier::{
    DeliveryState, MockNotifierProvider, Notification, NotificationId, Notifier, NotifierCapabilities, Receipt,
};
use circle_core_common::{Bulk, CallOptions, Environment, Error, ErrorKind, ProviderInfo, Sent};

fn mock(capabilities: NotifierCapabilities) -> MockNotifierProvider {
    let mut mock = MockNotifierProvider::new();
    mock.expect_info().return_const(ProviderInfo::new("mock", "0", ""));
    mock.expect_environment().return_const(Environment::default());
    mock.expect_capabilities().return_const(capabilities);
    mock
}

fn receipt(name: &str) -> Receipt {
    Receipt::new(NotificationId::new(name), name.into(), DeliveryState::Accepted)
}

#[tokio::test]
async fn a_lost_answer_of_one_recipient_is_unknown_for_it_alone() {
    let mut mock = mock(NotifierCapabilities::all());
    mock.expect_notify().times(1).returning(|_, request| {
        assert!(request.notification.recipients.is_empty());
        let cut = Error::new(ErrorKind::Connection, "cut").with_sent(Sent::Maybe);
        let refused = Error::new(ErrorKind::NotFound, "unknown").with_sent(Sent::Yes);
        Ok(Bulk::new(vec![Err(cut), Err(refused), Ok(receipt("cleo"))]))
    });
    let results = Notifier::new(mock).notify(Notification::new("a").to(["ana", "ben", "cleo"])).await.unwrap();
    let kinds: Vec<_> = results.iter().map(|result| result.as_ref().err().map(Error::kind)).collect();
    assert_eq!(kinds, [Some(ErrorKind::OutcomeUnknown), Some(ErrorKind::NotFound), None]);
    let names: Vec<_> = results.failures().map(|(_, error)| error.resource().unwrap().to_owned()).collect();
    assert_eq!(names, ["ana", "ben"]);
    assert!(results.failures().next().unwrap().1.operation_id().is_some());
}

#[tokio::test]
async fn several_calls_under_one_key_have_a_key_each() {
    let mut capabilities = NotifierCapabilities::all();
    capabilities.recipients_max = 1;
    let mut mock = mock(capabilities);
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let keep = seen.clone();
    mock.expect_notify().returning(move |_, request| {
        keep.lock().unwrap().push(request.operation.to_string());
        Ok(Bulk::new(vec![Ok(receipt("ana"))]))
    });
    let desk = Notifier::new(mock).with(CallOptions::new().idempotency_key("key"));
    desk.notify(Notification::new("a").to(["ana", "ben"])).await.unwrap().all().unwrap();
    desk.notify(Notification::new("a").to(["ana"])).await.unwrap().all().unwrap();
    assert_eq!(*seen.lock().unwrap(), ["key-0", "key-1", "key"]);
}

#[tokio::test]
async fn fewer_results_than_recipients_are_an_error_of_each() {
    let mut mock = mock(NotifierCapabilities::all());
    mock.expect_notify().times(1).returning(|_, _| Ok(Bulk::new(vec![Ok(receipt("ana"))])));
    let results = Notifier::new(mock).notify(Notification::new("a").to(["ana", "ben"])).await.unwrap();
    assert_eq!(
        results.failures().map(|(at, error)| (at, error.kind())).collect::<Vec<_>>(),
        [(0, ErrorKind::Internal), (1, ErrorKind::Internal),]
    );
}
