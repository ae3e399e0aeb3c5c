//! What the service does within itself, which lasts: the answer begins with white space, and says at its end what came of it.

use std::time::Duration;

use circle_core_common::resilience::Resilience;
use circle_core_common::{CallOptions, Environment, ErrorKind};
use circle_core_testkit::{Break, ManualClock, Place, Received, Reply};

use super::{Bucket, bucket_in, hasty, made, refusal};

const COPIED: &str = "<CopyObjectResult><ETag>\"e\"</ETag></CopyObjectResult>";

/// An answer that says 200 and then nothing but white space.
fn working() -> Reply {
    let spaces = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", " \n".repeat(50));
    Reply::xml(spaces).chunked().breaking(Place::Body(60), Break::Stall)
}

fn is_put(request: &Received) -> bool {
    request.method == "PUT"
}

async fn bucket(resilience: Resilience) -> (ManualClock, Bucket) {
    let clock = ManualClock::new();
    let environment = Environment::builder().clock(clock.clock()).build();
    let bucket = bucket_in(&environment, resilience, |config| config).await;
    bucket.server.when(|request| request.method == "HEAD").always(made("e").header("content-length", "5368709120"));
    (clock, bucket)
}

/// Lets so much time pass once the copy is on its way.
async fn pass(clock: &ManualClock, bucket: &Bucket, time: Duration) {
    while !bucket.server.received().iter().any(is_put) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    clock.advance(time);
}

#[tokio::test]
async fn a_copy_may_take_as_long_as_its_content_does() {
    let (clock, bucket) = bucket(hasty()).await;
    let slow = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}{COPIED}", " ".repeat(100));
    bucket.server.when(is_put).script([Reply::xml(slow).drip(20, Duration::from_millis(50))]);
    let (copied, ()) = tokio::join!(bucket.files.copy("a", "b"), pass(&clock, &bucket, Duration::from_secs(14 * 60)));
    assert_eq!(copied.unwrap().size, 5 << 30);
    assert_eq!(bucket.server.received().iter().filter(|request| is_put(request)).count(), 1, "it was not repeated");
}

#[tokio::test]
async fn an_error_behind_the_white_space_is_an_error() {
    let (clock, bucket) = bucket(hasty()).await;
    let failed =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}<Error><Code>AccessDenied</Code></Error>", " ".repeat(600));
    bucket.server.when(is_put).script([Reply::xml(failed).drip(150, Duration::from_millis(50))]);
    let (copied, ()) = tokio::join!(bucket.files.copy("a", "b"), pass(&clock, &bucket, Duration::from_secs(5 * 60)));
    assert_eq!(copied.unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_copy_that_never_ends_is_repeated_once_in_half_an_hour() {
    let (clock, bucket) = bucket(hasty()).await;
    bucket.server.when(is_put).script([working(), Reply::xml(COPIED)]);
    let (copied, ()) = tokio::join!(bucket.files.copy("a", "b"), async {
        pass(&clock, &bucket, Duration::from_secs(15 * 60)).await;
        // The wait before the repetition.
        while bucket.server.received().iter().filter(|request| is_put(request)).count() < 2 {
            clock.advance(Duration::from_millis(5));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    copied.unwrap();
}

#[tokio::test]
async fn what_the_caller_or_the_config_chose_holds_for_copies_too() {
    let once = || hasty().retry(circle_core_common::resilience::Retry::off());
    let (clock, of_caller) = bucket(once()).await;
    of_caller.server.when(is_put).always(working());
    let hurried = of_caller.files.with(CallOptions::new().attempt_timeout(Duration::from_secs(5)));
    let (copied, ()) = tokio::join!(hurried.copy("a", "b"), pass(&clock, &of_caller, Duration::from_secs(5)));
    assert_eq!(copied.unwrap_err().kind(), ErrorKind::Timeout);
    let (clock, of_config) = bucket(once().attempt_timeout(Duration::from_secs(90))).await;
    of_config.server.when(is_put).always(working());
    let (copied, ()) = tokio::join!(of_config.files.copy("a", "b"), pass(&clock, &of_config, Duration::from_secs(90)));
    assert_eq!(copied.unwrap_err().kind(), ErrorKind::Timeout);
    let (_, failing) = bucket(hasty()).await;
    failing.server.when(is_put).always(refusal(403, "AccessDenied"));
    assert_eq!(failing.files.copy("a", "b").await.unwrap_err().kind(), ErrorKind::PermissionDenied);
}
