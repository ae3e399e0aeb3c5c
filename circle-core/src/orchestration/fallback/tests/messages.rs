//! Messengers and notifiers behind one another.

use circle_core_common::interfaces::messenger::{
    Attachment, HistoryOptions, HistoryRequest, Message, Messenger, ResolveRequest, Resolved,
};
use circle_core_common::interfaces::notifier::{DeliveryState, Notification, Notifier, StatusOptions};
use circle_core_common::service::{Deferred, Service};
use circle_core_common::suite::Decorated;
use circle_core_common::{CallOptions, Environment, Error, ErrorKind, PageRequest, Sent};
use circle_core_console::{Console, ConsoleConfig, ConsoleOutput, RecipientState};

use super::super::super::outage::Outage;
use super::super::super::{Cooldown, Fallback, Leg, MoveOn};

struct Two {
    first: Console,
    second: Console,
    outage: Outage,
}

fn console(recipient: &str) -> Console {
    let config = ConsoleConfig::new().output(ConsoleOutput::Memory).recipients([(recipient, RecipientState::Reachable)]);
    Console::with(&config, &Environment::default()).unwrap()
}

impl Two {
    fn new() -> Self {
        Self { first: console("ana"), second: console("ben"), outage: Outage::new() }
    }

    fn team(&self) -> Messenger {
        let first = Decorated::new(self.first.clone(), self.outage.clone());
        let legs = [Leg::new(Messenger::new(first)), Leg::new(Messenger::new(self.second.clone())).channel("#elsewhere")];
        Messenger::new(Fallback::new(legs).cooldown(Cooldown::off()))
    }

    fn on_call(&self, rule: MoveOn) -> Notifier {
        let first = Decorated::new(self.first.clone(), self.outage.clone());
        let legs = [Notifier::new(first), Notifier::new(self.second.clone())];
        Notifier::new(Fallback::new(legs).cooldown(Cooldown::off()).move_on(rule))
    }

    fn counts(&self) -> (usize, usize) {
        (self.first.messages().len(), self.second.messages().len())
    }
}

#[tokio::test]
async fn a_message_goes_to_the_next_only_where_it_was_certainly_not_sent() {
    let two = Two::new();
    let team = two.team();
    two.outage.begins();
    assert_eq!(team.send("#ops", "late").await.unwrap().channel.as_str(), "#elsewhere");
    two.outage.is_unsure();
    let error = team.send("#ops", "again").await.unwrap_err();
    assert!(error.is(ErrorKind::OutcomeUnknown), "{error}");
    for (kind, sent, moves) in [
        (ErrorKind::RateLimited, Sent::Yes, true),
        (ErrorKind::QuotaExceeded, Sent::Yes, true),
        (ErrorKind::Unavailable, Sent::Yes, false),
        (ErrorKind::RateLimited, Sent::Maybe, false),
        (ErrorKind::PermissionDenied, Sent::Yes, false),
    ] {
        let before = two.counts().1;
        two.outage.fails(Error::new(kind, "no").with_sent(sent), &[]);
        let sent_at_all = team.send("#ops", "text").await.is_ok();
        assert_eq!((sent_at_all, two.counts().1 - before), (moves, usize::from(moves)), "{kind} {sent:?}");
    }
    assert_eq!(two.counts().0, 0);
}

#[tokio::test]
async fn what_was_sent_is_changed_where_it_was_sent() {
    let two = Two::new();
    let team = two.team();
    two.outage.begins();
    let sent = team.send("#ops", "late").await.unwrap();
    two.outage.ends();
    team.send("#ops", "in time").await.unwrap();
    team.edit(&sent, "late, and changed").await.unwrap();
    let reply = team.reply(&sent, "I see").await.unwrap();
    assert_eq!((reply.thread.as_ref(), two.counts()), (Some(&sent.id), (1, 2)));
    team.react(&reply, "tada").await.unwrap();
    let kept: serde_json::Value = serde_json::to_value(&sent).unwrap();
    let back: circle_core_common::interfaces::messenger::Sent = serde_json::from_value(kept).unwrap();
    team.delete(&back).await.unwrap();
    assert_eq!(two.counts(), (1, 1), "the reply is left");
    two.outage.begins();
    assert!(team.history("#ops").all().await.is_err(), "no other service has the messages of this one");
}

#[tokio::test]
async fn a_file_is_at_the_service_that_took_it() {
    let two = Two::new();
    let team = two.team();
    two.outage.begins();
    let file = team.upload("#ops", Attachment::bytes("a.csv", "1")).await.unwrap();
    two.outage.ends();
    team.send("#ops", Message::text("Here").attach(&file)).await.unwrap();
    assert_eq!(two.counts(), (0, 1));
}

#[tokio::test]
async fn a_message_was_not_sent_where_no_service_has_it() {
    let two = Two::new();
    let team = two.team();
    let provider = team.provider().unwrap();
    let cx =
        circle_core_common::CallContext::new(&Environment::default(), &circle_core_common::interfaces::messenger::RESOLVE, None);
    let ask = async |operation: &str| {
        provider.resolve(&cx, ResolveRequest::new("#elsewhere".into(), operation.to_owned().into())).await
    };
    assert_eq!(ask("nobody's").await.unwrap(), Resolved::NotSent);
    two.outage.fails(Error::new(ErrorKind::Unavailable, "not now"), &["send"]);
    let error = Messenger::new(two.second.clone());
    let sent = error.with(CallOptions::new().idempotency_key("mine")).send("#elsewhere", "late").await.unwrap();
    assert!(matches!(ask("mine").await.unwrap(), Resolved::Sent(found) if found.id != sent.id), "its id says whose it is");
    two.outage.begins();
    assert!(ask("nobody's").await.unwrap_err().is(ErrorKind::Unavailable), "who cannot be asked may have sent it");
}

/// A reply goes to the channel of its message, whatever the leg's own is.
#[tokio::test]
async fn a_message_is_looked_for_where_the_call_said_too() {
    let two = Two::new();
    let team = two.team();
    let keyed = Messenger::new(two.second.clone()).with(CallOptions::new().idempotency_key("mine"));
    keyed.send("#ops", "as a reply").await.unwrap();
    let cx =
        circle_core_common::CallContext::new(&Environment::default(), &circle_core_common::interfaces::messenger::RESOLVE, None);
    let resolved = team.provider().unwrap().resolve(&cx, ResolveRequest::new("#ops".into(), "mine".into())).await.unwrap();
    assert!(matches!(&resolved, Resolved::Sent(found) if found.channel.as_str() == "#ops"), "{resolved:?}");
}

/// A place in a listing is the leg's that gave it, and legs may have come since.
#[tokio::test]
async fn a_listing_goes_on_at_the_leg_that_began_it() {
    let two = Two::new();
    let own = Messenger::new(two.second.clone());
    for text in ["one", "two", "three"] {
        own.send("#ops", text).await.unwrap();
        own.send(format!("#{text}"), text).await.unwrap();
    }
    let leg = || Leg::new(own.clone()).name("second");
    let before = Messenger::new(Fallback::new([leg()]));
    let since = Messenger::new(Fallback::new([Leg::new(Messenger::new(two.first.clone())).name("first"), leg()]));
    let page = before.history("#ops").page_size(1).page().await.unwrap();
    let next = since.history("#ops").page_size(1).starting_at(page.next.unwrap()).page().await.unwrap();
    assert_eq!(next.items.iter().map(|posted| posted.text.as_str()).collect::<Vec<_>>(), ["two"]);
    let page = before.channels().page_size(1).page().await.unwrap();
    let rest = since.channels().page_size(10).starting_at(page.next.unwrap()).page().await.unwrap();
    assert_eq!(rest.items.len(), 3, "of its four channels");
    // A thread of one leg and a place of another are no question.
    let mut page = PageRequest::first();
    page.size = Some(1);
    let mut asked = HistoryRequest::new("#ops".into(), HistoryOptions::new(), page);
    let cx =
        circle_core_common::CallContext::new(&Environment::default(), &circle_core_common::interfaces::messenger::HISTORY, None);
    asked.page.cursor = before.provider().unwrap().history(&cx, asked.clone()).await.unwrap().next;
    let other = Messenger::new(Fallback::new([Leg::new(Messenger::new(two.first.clone())).name("first")]));
    asked.options = HistoryOptions::new().thread(other.send("#ops", "first").await.unwrap());
    assert!(since.provider().unwrap().history(&cx, asked).await.unwrap_err().is(ErrorKind::Conflict));
}

#[tokio::test]
async fn keys_of_the_caller_are_refused_because_no_two_services_share_them() {
    let two = Two::new();
    let error = two.team().with(CallOptions::new().idempotency_key("k")).send("#ops", "x").await.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported), "{error}");
    assert_eq!(two.counts(), (0, 0));
    let error = Error::new(ErrorKind::Unavailable, "not yet");
    let late = std::sync::Arc::new(Deferred::new("late", "console", &["Messenger"], error));
    let late: Messenger = Service::deferred(late, Environment::default()).get("late").unwrap();
    let one_of_two = Fallback::new([Messenger::new(two.second.clone()), late]);
    assert!(!Messenger::new(one_of_two).capabilities().idempotency, "the other one has only not started yet");
    let single = Messenger::new(Fallback::new([Messenger::new(two.second.clone())]));
    single.with(CallOptions::new().idempotency_key("k")).send("#ops", "x").await.unwrap();
}

#[tokio::test]
async fn only_the_recipients_that_one_could_not_reach_are_told_by_the_next() {
    let two = Two::new();
    let on_call = two.on_call(MoveOn::new().at(ErrorKind::NotFound));
    let told = on_call.notify(Notification::new("Disk 95 %").to(["ana", "ben", "cleo"])).await.unwrap();
    let told: Vec<_> = told.into_iter().map(|receipt| receipt.map(|receipt| receipt.id).map_err(|error| error.kind())).collect();
    assert!(told[0].is_ok() && told[1].is_ok() && told[2] == Err(ErrorKind::NotFound), "{told:?}");
    assert_eq!((two.first.notifications().len(), two.second.notifications().len()), (1, 1));
    let all = on_call.status().page_size(1).all().await.unwrap();
    assert_eq!(all.len(), 2, "those of both");
    let id = told[1].clone().unwrap();
    let one = on_call.status_with(StatusOptions::new().id(&id)).all().await.unwrap();
    assert_eq!((one.len(), &one[0].id), (1, &id));
    two.outage.is_unsure();
    let unsure = on_call.notify(Notification::new("Disk 99 %").to(["ben"])).await.unwrap();
    assert!(unsure.failures().all(|(_, error)| error.is(ErrorKind::OutcomeUnknown)) && unsure.failures().count() == 1);
    assert_eq!(two.second.notifications().len(), 1);
    assert!(on_call.status().all().await.is_err(), "never short");
}

#[tokio::test]
async fn whom_the_next_may_have_told_is_in_doubt_and_not_unreached() {
    let (first, second, outage) = (console("ana"), console("ben"), Outage::new());
    let legs = [Notifier::new(first.clone()), Notifier::new(Decorated::new(second, outage.clone()))];
    let on_call = Notifier::new(Fallback::new(legs).cooldown(Cooldown::off()).move_on(MoveOn::new().at(ErrorKind::NotFound)));
    let tell = async || {
        let told = on_call.notify(Notification::new("Disk 95 %").to(["ana", "ben"])).await.unwrap();
        told.into_iter().map(|receipt| receipt.map(drop).map_err(|error| (error.kind(), error.sent()))).collect::<Vec<_>>()
    };
    outage.is_unsure();
    assert_eq!(tell().await, [Ok(()), Err((ErrorKind::OutcomeUnknown, Sent::Maybe))]);
    // Where the next has certainly told nobody, what the first one said stands.
    outage.begins();
    assert!(matches!(tell().await[..], [Ok(()), Err((ErrorKind::NotFound, _))]));
    assert_eq!(first.notifications().len(), 2);
}

#[tokio::test]
async fn a_key_is_cleared_at_every_service() {
    let two = Two::new();
    let on_call = two.on_call(MoveOn::new().at(ErrorKind::NotFound));
    on_call.notify(Notification::new("Disk").dedup("disk").to(["ana", "ben"])).await.unwrap().all().unwrap();
    two.outage.begins();
    assert!(on_call.clear("disk").await.unwrap_err().is(ErrorKind::Unavailable), "one of them has not heard of it");
    let state = |console: &Console| Notifier::new(console.clone());
    let cleared = state(&two.second).status().all().await.unwrap();
    assert!(cleared.iter().all(|status| status.state == DeliveryState::Cleared), "the others have all the same");
    two.outage.ends();
    on_call.clear("disk").await.unwrap();
    assert!(state(&two.first).status().all().await.unwrap().iter().all(|status| status.state == DeliveryState::Cleared));
}
