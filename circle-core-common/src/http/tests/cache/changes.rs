//! What becomes of kept answers, and of those on their way, when something is changed or taken away.

use super::*;

#[tokio::test]
async fn a_change_makes_everybodys_answers_unknown() {
    let fresh = || told("Cache-Control: max-age=60", "one");
    let created = answer("HTTP/1.1 201 X\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
    let subject =
        Subject::of(vec![fresh(), fresh(), fresh(), created, fresh(), fresh(), fresh(), status(404, ""), fresh()]).await;
    let ann = || CallOptions::new().principal("ann");
    let look = async || {
        subject.get("/a").await;
        subject.get("/b").await;
        subject.get_with(ann()).await;
        subject.server.hits()
    };
    assert_eq!((look().await, look().await), (3, 3));
    let change =
        async || subject.client.send(&context(&subject.environment), &PUT, Request::put(target(&subject.client, "/a"))).await;
    change().await.unwrap();
    assert_eq!((look().await, look().await), (7, 7));
    // One that was refused has changed nothing.
    change().await.unwrap_err();
    assert_eq!(look().await, 8);
}

#[tokio::test]
async fn what_was_asked_for_before_a_change_is_neither_kept_nor_shared() {
    let fresh = |body| told("Cache-Control: max-age=60", body);
    // The first answer comes when the change is made and a second reader has asked.
    let scripts = vec![until(3, fresh("old")), status(204, ""), fresh("new")];
    let subject = Subject::with(scripts, CacheSettings::new().enabled(true).coalesce(true), Environment::builder()).await;
    let mut early = Box::pin(subject.get("/a"));
    tokio::select! {
        _ = early.as_mut() => panic!("it is answered later"),
        () = subject.server.until(1) => {}
    }
    let (client, cx) = (&subject.client, context(&subject.environment));
    soon(client.send(&cx, &PUT, Request::put(target(client, "/a")))).await.unwrap();
    assert_eq!(soon(subject.get("/a")).await.body, "new");
    // Who asked before the change may see what was before it, but nobody else does.
    assert_eq!(soon(early).await.body, "old");
    assert_eq!((soon(subject.get("/a")).await.body, subject.server.hits()), ("new".into(), 3));
    // Nor where nothing newer lies in its place.
    let subject = Subject::of(vec![until(2, fresh("old")), status(204, ""), fresh("new")]).await;
    let mut early = Box::pin(subject.get("/a"));
    tokio::select! {
        _ = early.as_mut() => panic!("it is answered later"),
        () = subject.server.until(1) => {}
    }
    let (client, cx) = (&subject.client, context(&subject.environment));
    // The early answer is on its way; nobody has taken it yet.
    soon(client.send(&cx, &PUT, Request::put(target(client, "/a")))).await.unwrap();
    assert_eq!(soon(early).await.body, "old");
    assert_eq!((soon(subject.get("/a")).await.body, subject.server.hits()), ("new".into(), 3));
}

#[tokio::test]
async fn a_change_that_is_given_up_may_have_been_made() {
    let fresh = |body| told("Cache-Control: max-age=60", body);
    for opened in [false, true] {
        let subject = Subject::of(vec![fresh("old"), vec![Step::Pause(600 * SECOND)], fresh("new")]).await;
        subject.get("/a").await;
        let (client, cx) = (&subject.client, context(&subject.environment));
        let change = async {
            let request = Request::put(target(client, "/a"));
            match opened {
                true => drop(client.open(&cx, &PUT, request).await),
                false => drop(client.send(&cx, &PUT, request).await),
            }
        };
        tokio::select! {
            () = change => panic!("it is not answered"),
            () = subject.server.until(2) => {}
        }
        assert_eq!((soon(subject.get("/a")).await.body, subject.server.hits()), ("new".into(), 3), "{opened}");
    }
}

#[tokio::test]
async fn what_the_service_has_taken_away_does_not_stand_in() {
    for gone in [401, 403, 404, 410, 400] {
        let first = told("Cache-Control: max-age=10, stale-if-error=1000\r\nETag: \"e\"", "one");
        let subject = Subject::of(vec![first, status(gone, ""), status(503, "")]).await;
        subject.get("/a").await;
        subject.pass(11 * SECOND);
        subject.send(CallOptions::new(), subject.request("/a")).await.unwrap_err();
        let in_need = subject.send(CallOptions::new(), subject.request("/a")).await;
        assert_eq!(in_need.is_ok(), gone == 400, "{gone}");
        assert_eq!(subject.sent(2, "if-none-match").is_some(), gone == 400);
    }
}
