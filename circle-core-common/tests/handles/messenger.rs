//! What the handle of a messenger does about lost answers and about what a messenger cannot do.

use circle_core_common::interfaces::messenger::{
    Attachment, Block, Content, Message, MessageId, Messenger, MessengerCapabilities, MockMessengerProvider, Resolved, Sent,
    TextUnit,
};
use circle_core_common::{
    Body, ByteStream, CallOptions, Environment, Error, ErrorKind, OnUnsupported, ProviderInfo, Resolution, Sent as Reached,
};

type Caps = MessengerCapabilities;

fn mock(capabilities: Caps) -> MockMessengerProvider {
    let mut mock = MockMessengerProvider::new();
    mock.expect_info().return_const(ProviderInfo::new("mock", "0", ""));
    mock.expect_environment().return_const(Environment::default());
    mock.expect_capabilities().return_const(capabilities);
    mock
}

fn sent() -> Sent {
    Sent::new("C1", MessageId::new("7"))
}

fn cut() -> Error {
    Error::new(ErrorKind::Connection, "cut").with_sent(Reached::Maybe)
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_by_the_id_of_its_write() {
    let mut mock = mock(Caps::all());
    let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
    let (keep, compare) = (seen.clone(), seen);
    mock.expect_send().times(1).returning(move |_, request| {
        *keep.lock().unwrap() = Some(request.operation);
        Err(cut())
    });
    mock.expect_resolve().times(1).returning(move |_, request| {
        assert_eq!(Some(request.operation), *compare.lock().unwrap());
        assert_eq!(request.channel, "#a");
        Ok(Resolved::Sent(sent()))
    });
    let found = Messenger::new(mock).send("#a", "hello world").await.unwrap();
    assert_eq!((found.id, found.excerpt.as_deref()), (MessageId::new("7"), Some("hello world")));
}

#[tokio::test]
async fn what_is_not_there_yet_may_be_on_its_way() {
    for resolved in [Resolved::NotSent, Resolved::Unknown] {
        let mut mock = mock(Caps::all());
        mock.expect_send().times(1).returning(|_, _| Err(cut()));
        let answer = resolved.clone();
        mock.expect_resolve().times(2).returning(move |_, _| Ok(answer.clone()));
        let team = Messenger::new(mock);
        let error = team.send("#a", "x").await.unwrap_err();
        assert!(error.is(ErrorKind::OutcomeUnknown) && error.operation_id().is_some(), "{error}");
        let expected = if resolved == Resolved::NotSent { Resolution::NotApplied } else { Resolution::Unknown };
        assert_eq!(team.resolve(&error).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn what_was_refused_is_not_looked_up() {
    let mut mock = mock(Caps::all());
    mock.expect_send().times(1).returning(|_, _| Err(Error::new(ErrorKind::PermissionDenied, "no").with_sent(Reached::Yes)));
    let error = Messenger::new(mock).send("#a", "x").await.unwrap_err();
    assert!(error.is(ErrorKind::PermissionDenied) && error.resource() == Some("#a"), "{error}");
}

#[tokio::test]
async fn several_messages_under_one_key_have_a_key_each() {
    let mut mock = mock(Caps::all());
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let keep = seen.clone();
    mock.expect_send().returning(move |_, request| {
        keep.lock().unwrap().push(request.operation.to_string());
        Ok(sent())
    });
    let team = Messenger::new(mock).with(CallOptions::new().idempotency_key("key"));
    team.send_many("#a", ["x", "y"]).await.unwrap().all().unwrap();
    team.send("#a", "x").await.unwrap();
    team.send_many("#a", ["x"]).await.unwrap().all().unwrap();
    assert_eq!(*seen.lock().unwrap(), ["key-0", "key-1", "key", "key"]);
}

#[tokio::test]
async fn lengths_are_counted_as_the_service_counts_them() {
    for (unit, max, fits, too_long) in
        [(TextUnit::Characters, 2, "🦀é", "abc"), (TextUnit::Utf16, 3, "🦀é", "🦀🦀"), (TextUnit::Bytes, 6, "🦀é", "🦀🦀")]
    {
        let mut capabilities = Caps::all();
        (capabilities.text_max, capabilities.text_unit) = (max, unit);
        let mut mock = mock(capabilities);
        mock.expect_send().times(1).returning(|_, _| Ok(sent()));
        let team = Messenger::new(mock);
        team.send("#a", fits).await.unwrap();
        let error = team.send("#a", too_long).await.unwrap_err();
        assert_eq!(error.limit().and_then(|limit| limit.max), Some(max), "{error}");
    }
}

#[tokio::test]
async fn emulations_are_sent_as_text_and_measured_as_text() {
    let mut capabilities = Caps::none();
    capabilities.text_max = 30;
    let mut mock = mock(capabilities);
    mock.expect_send().times(1).returning(|_, request| {
        assert!(request.reply_to.is_none() && !request.message.broadcast);
        assert!(matches!(&request.message.content, Content::Text(text) if **text == *"> Is it out?\n- yes\n- it is"));
        Ok(sent())
    });
    let team = Messenger::new(mock);
    let mut asked = sent();
    asked.excerpt = Some("Is it out?".to_owned());
    let answer = Message::rich([Block::bullets(["yes", "it is"])]).broadcast();
    let error = team.reply(&asked, &answer).await.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported), "{error}");
    let team = team.with(CallOptions::new().on_unsupported(OnUnsupported::Emulate));
    team.reply(&asked, &answer).await.unwrap();
    let long = team.reply(&asked, "a text that fits by itself").await.unwrap_err();
    assert_eq!(long.limit().and_then(|limit| limit.max), Some(30), "{long}");
}

#[tokio::test]
async fn a_file_of_unknown_length_is_left_to_the_provider() {
    let mut mock = mock(Caps::all());
    mock.expect_send().times(1).returning(|_, request| {
        assert_eq!(request.message.attachments.len(), 1);
        Ok(sent())
    });
    let stream = Body::from_stream(ByteStream::from(bytes::Bytes::from_static(b"x")), None);
    Messenger::new(mock).send("#a", Message::text("").attach(Attachment::body("a", stream))).await.unwrap();
}
