//! Events in one process; those in a store are tested where there is one.

use super::*;
use crate::clock::Tick;

fn id(text: &str) -> Arc<str> {
    text.into()
}

async fn handle(seen: &Seen, event: &str) -> Result<Option<u8>> {
    seen.once(&id(event), &Clock::System, || async { Ok(7) }).await
}

#[tokio::test]
async fn an_event_is_handled_once() {
    let seen = Seen::in_process();
    assert_eq!(handle(&seen, "a").await.unwrap(), Some(7));
    assert_eq!(handle(&seen.clone(), "a").await.unwrap(), None);
    assert_eq!(handle(&seen, "b").await.unwrap(), Some(7));
}

#[tokio::test]
async fn the_oldest_are_forgotten() {
    let seen = Seen::at_most(2);
    for event in ["a", "b", "c"] {
        assert_eq!(handle(&seen, event).await.unwrap(), Some(7));
    }
    assert_eq!(format!("{seen:?}"), "Seen(in process, 2 events)");
    assert_eq!(handle(&seen, "b").await.unwrap(), None);
    assert_eq!(handle(&seen, "a").await.unwrap(), Some(7));
}

#[tokio::test]
async fn what_fails_takes_no_place() {
    let seen = Seen::at_most(1);
    handle(&seen, "a").await.unwrap();
    for event in 0..10 {
        let failed = seen.once::<(), _, _>(&id(&event.to_string()), &Clock::System, || async { Err(busy()) }).await;
        assert!(failed.is_err());
    }
    assert_eq!(handle(&seen, "a").await.unwrap(), None);
}

#[test]
fn an_event_is_forgotten_at_its_time() {
    let process = Process::new(10);
    let at = |seconds| Tick::from_start(Duration::from_secs(seconds));
    let Known::Claimed(claim) = process.claim(&id("a"), at(0)) else { panic!("it is not known") };
    assert!(matches!(process.claim(&id("a"), at(0)), Known::Busy));
    claim.complete(at(10));
    assert!(matches!(process.claim(&id("a"), at(9)), Known::Seen));
    assert!(matches!(process.claim(&id("a"), at(10)), Known::Claimed(_)));
    assert_eq!(process.len(), 0);
}
