//! One socket after the other.

use std::time::Duration;

use circle_core_common::resilience::backoff::Backoff;
use circle_core_common::{Error, ErrorKind};
use circle_core_protocol_websocket::{Close, CloseCode, Disconnect, Event, Reconnecting, SocketId};
use circle_core_testkit::{ManualClock, drop_sweep};

use crate::server::{CLOSE, Server, closing};
use crate::{Client, soon, until, while_time_passes};

fn reconnecting(client: &Client) -> Reconnecting {
    let own = client.clone();
    Reconnecting::new(&client.context(), move || {
        let client = own.clone();
        async move { client.connect_once().await }
    })
}

async fn next(stream: &mut Reconnecting) -> Event {
    soon(stream.next()).await.unwrap().unwrap()
}

async fn connected(stream: &mut Reconnecting) -> SocketId {
    match next(stream).await {
        Event::Connected { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

async fn message(stream: &mut Reconnecting) -> (SocketId, String) {
    match next(stream).await {
        Event::Message { id, message } => (id, message.as_text().unwrap().to_owned()),
        other => panic!("{other:?}"),
    }
}

async fn disconnected(stream: &mut Reconnecting) -> (SocketId, Disconnect) {
    match next(stream).await {
        Event::Disconnected { id, why } => (id, why),
        other => panic!("{other:?}"),
    }
}

async fn waiting(stream: &mut Reconnecting) -> (Option<Error>, Duration) {
    match next(stream).await {
        Event::Waiting { error, wait } => (error, wait),
        other => panic!("{other:?}"),
    }
}

/// Waits without jitter.
fn even() -> Backoff {
    Backoff::new()
        .initial_interval(Duration::from_secs(1))
        .multiplier(2.0)
        .randomization_factor(0.0)
        .max_interval(Duration::from_secs(4))
}

/// Moves the clock to the end of a wait, and not before nothing happens any more.
async fn pass(stream: &mut Reconnecting, clock: &ManualClock, server: &Server, wait: Duration) {
    let before = server.requests();
    clock.advance(wait - Duration::from_millis(1));
    let early = tokio::time::timeout(Duration::from_millis(20), stream.next()).await;
    assert!(early.is_err() && server.requests() == before, "{early:?} came before its time");
    clock.advance(Duration::from_millis(1));
}

#[tokio::test]
async fn it_connects_again_and_says_so() {
    let server = Server::start(|number, mut peer| async move {
        peer.accept().await;
        peer.text(&format!("message {number}")).await;
        match number {
            0 => {}
            1 => peer.close(1001, "restart").await,
            2 => peer.close(1000, "").await,
            _ => peer.gone().await,
        }
    })
    .await;
    let (client, clock) = Client::with_clock(&server);
    let mut stream = reconnecting(&client).backoff(even());
    for (number, wait) in [1, 2, 4].into_iter().enumerate() {
        let id = connected(&mut stream).await;
        assert_eq!(message(&mut stream).await, (id, format!("message {number}")));
        let (ended, why) = disconnected(&mut stream).await;
        assert_eq!(ended, id);
        match (number, why) {
            (0, Disconnect::Failed(error)) => assert!(error.is(ErrorKind::Connection), "{error}"),
            (1, Disconnect::Failed(error)) => assert!(error.is(ErrorKind::Unavailable), "{error}"),
            (2, Disconnect::Closed) => {}
            (number, why) => panic!("{number}: {why:?}"),
        }
        let (error, wait_now) = waiting(&mut stream).await;
        assert!(error.is_none(), "it is told already");
        assert_eq!(wait_now, Duration::from_secs(wait), "a server that closes at once is not hammered");
        pass(&mut stream, &clock, &server, wait_now).await;
    }
    let id = connected(&mut stream).await;
    assert_eq!(message(&mut stream).await, (id, "message 3".to_owned()));
    assert_eq!(server.requests(), 4);
    drop(stream);
    until(|| server.open() == 0).await;
}

#[tokio::test]
async fn a_socket_that_lasted_is_replaced_at_once() {
    let server = Server::start(|number, mut peer| async move {
        peer.accept().await;
        if number < 2 {
            peer.receive().await;
            peer.close(1012, "").await;
        }
        peer.gone().await;
    })
    .await;
    let (client, clock) = Client::with_clock(&server);
    let mut stream = reconnecting(&client).backoff(even());
    for _ in 0..2 {
        let Event::Connected { sender, .. } = next(&mut stream).await else { panic!() };
        clock.advance(Duration::from_secs(60));
        sender.send("close now").await.unwrap();
        disconnected(&mut stream).await;
    }
    connected(&mut stream).await;
}

#[tokio::test]
async fn failing_to_connect_is_told_and_a_wait_that_is_asked_for_is_kept() {
    let server = Server::start(|number, mut peer| async move {
        match number {
            0 => peer.send("HTTP/1.1 503 X\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n").await,
            1 => peer.send("HTTP/1.1 429 X\r\nContent-Length: 0\r\n\r\n").await,
            _ => peer.accept().await,
        }
        peer.gone().await;
    })
    .await;
    let (client, clock) = Client::with_clock(&server);
    let mut stream = reconnecting(&client).backoff(even());
    let (error, wait) = waiting(&mut stream).await;
    assert!(error.unwrap().is(ErrorKind::Unavailable));
    assert_eq!(wait, Duration::from_secs(9));
    clock.advance(wait);
    let (error, wait) = waiting(&mut stream).await;
    assert!(error.unwrap().is(ErrorKind::RateLimited));
    assert_eq!(wait, Duration::from_secs(2));
    clock.advance(wait);
    connected(&mut stream).await;
}

#[tokio::test]
async fn what_waiting_does_not_help_ends_it() {
    for (refusal, close, kind) in
        [(Some(401), 0, ErrorKind::Unauthenticated), (None, 1008, ErrorKind::PermissionDenied), (None, 4004, ErrorKind::Closed)]
    {
        let server = Server::start(move |_, mut peer| async move {
            match refusal {
                Some(status) => peer.send(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")).await,
                None => {
                    peer.accept().await;
                    peer.close(close, "").await;
                }
            }
            peer.gone().await;
        })
        .await;
        let mut stream = reconnecting(&Client::of(&server));
        if refusal.is_none() {
            connected(&mut stream).await;
            let (_, why) = disconnected(&mut stream).await;
            assert!(matches!(why, Disconnect::Failed(error) if error.is(kind)));
        }
        let error = soon(stream.next()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(soon(stream.next()).await.unwrap().is_none());
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn a_provider_may_know_better() {
    let server = Server::start(|number, mut peer| async move {
        peer.accept().await;
        if number == 0 {
            peer.close(4009, "session timed out").await;
        }
        peer.gone().await;
    })
    .await;
    let timed_out = |error: &Error| error.provider_error::<Close>().is_some_and(|close| close.code == Some(CloseCode::new(4009)));
    let (client, clock) = Client::with_clock(&server);
    let mut stream = reconnecting(&client).gives_up_on(move |error| !error.is_retryable() && !timed_out(error));
    connected(&mut stream).await;
    disconnected(&mut stream).await;
    let (_, wait) = waiting(&mut stream).await;
    clock.advance(wait);
    connected(&mut stream).await;
}

#[tokio::test]
async fn a_schedule_that_ends_ends_it() {
    let server = Server::start(|_, mut peer| async move {
        peer.send("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n").await;
        peer.gone().await;
    })
    .await;
    let (client, clock) = Client::with_clock(&server);
    let mut stream = reconnecting(&client).backoff(even().max_elapsed_time(Some(Duration::from_secs(3))));
    for expected in [1, 2] {
        let (_, wait) = waiting(&mut stream).await;
        assert_eq!(wait, Duration::from_secs(expected));
        clock.advance(wait);
    }
    assert!(soon(stream.next()).await.unwrap_err().is(ErrorKind::Unavailable));
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn a_refresh_overlaps_and_loses_nothing() {
    let (go, gone) = tokio::sync::watch::channel(false);
    let server = Server::start(move |number, mut peer| {
        let mut gone = gone.clone();
        async move {
            peer.accept().await;
            if number == 0 {
                peer.text("first").await;
                // Its successor is there, and it still speaks.
                gone.wait_for(|go| *go).await.unwrap();
                peer.text("last").await;
                assert_eq!(peer.receive().await, Some((CLOSE, closing(1000, ""))));
                peer.text("very last").await;
                peer.close(1000, "").await;
            } else {
                peer.text("second").await;
            }
            peer.gone().await;
        }
    })
    .await;
    let (client, clock) = Client::with_clock(&server);
    let mut stream = reconnecting(&client).drain_timeout(Duration::from_secs(10));
    let old = connected(&mut stream).await;
    assert_eq!(message(&mut stream).await, (old, "first".to_owned()));
    stream.refresh();
    stream.refresh();
    let new = connected(&mut stream).await;
    assert!(new > old && server.open() == 2 && server.requests() == 2);
    go.send(true).unwrap();
    let mut got = [message(&mut stream).await, message(&mut stream).await];
    got.sort();
    assert_eq!(got, [(old, "last".to_owned()), (new, "second".to_owned())]);
    let late = while_time_passes(&clock, stream.next()).await.unwrap().unwrap();
    assert!(matches!(late, Event::Message { id, message } if id == old && message.as_text() == Some("very last")));
    let (ended, why) = disconnected(&mut stream).await;
    assert!(ended == old && matches!(why, Disconnect::Replaced));
    until(|| server.open() == 1).await;
}

#[tokio::test]
async fn a_busy_socket_does_not_keep_its_successor_away_and_no_more_than_two_are_open() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        loop {
            if peer
                .stream
                .try_write(&crate::server::frame(0x81, b"tick"))
                .is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut stream = reconnecting(&Client::of(&server));
    let mut ids = Vec::new();
    let mut replaced = Vec::new();
    while ids.len() < 5 {
        match next(&mut stream).await {
            Event::Connected { id, .. } => {
                ids.push(id);
                stream.refresh();
            }
            Event::Disconnected { id, why: Disconnect::Replaced } => replaced.push(id),
            Event::Message { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(replaced, ids[..3], "the oldest goes");
    drop(stream);
    until(|| server.open() == 0).await;
}

#[tokio::test]
async fn a_refresh_that_fails_leaves_the_socket_alone() {
    let server = Server::start(|number, mut peer| async move {
        match number {
            0 => {
                peer.accept().await;
                peer.receive().await;
                peer.text("still here").await;
            }
            _ => peer.send("HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n").await,
        }
        peer.gone().await;
    })
    .await;
    let mut stream = reconnecting(&Client::of(&server));
    let Event::Connected { sender, .. } = next(&mut stream).await else { panic!() };
    stream.refresh();
    let nothing = tokio::select! {
        event = stream.next() => Some(event),
        () = until(|| server.requests() == 2) => None,
    };
    assert!(nothing.is_none(), "{nothing:?}");
    sender.send("hello").await.unwrap();
    assert_eq!(message(&mut stream).await.1, "still here");
}

#[tokio::test]
async fn nothing_is_left_of_a_stream_that_is_dropped_at_any_await() {
    let server = Server::start(|number, mut peer| async move {
        if number % 2 == 0 {
            return;
        }
        peer.accept().await;
        peer.text("one").await;
        peer.gone().await;
    })
    .await;
    let client = Client::of(&server);
    let dropped = soon(drop_sweep(
        || async {
            let mut stream = reconnecting(&client);
            while !matches!(stream.next().await.unwrap().unwrap(), Event::Message { .. }) {}
        },
        async || {
            for _ in 0..10_000 {
                if server.open() == 0 {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(format!("{} connections", server.open()))
        },
    ))
    .await
    .unwrap();
    assert!(dropped >= 3, "{dropped}");
}
