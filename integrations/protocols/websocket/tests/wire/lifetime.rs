//! Who is alive, who waits, and what is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use circle_core_common::{ByteSize, ErrorKind};
use circle_core_protocol_websocket::{Message, SocketOptions};
use circle_core_testkit::drop_sweep;
use tokio::task::JoinSet;

use crate::server::{BINARY, FIN, PING, PONG, Server, TEXT, frame};
use crate::{Client, soon, until, while_time_passes};

#[tokio::test]
async fn silence_is_asked_about_and_an_answer_is_enough() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        for _ in 0..3 {
            assert_eq!(peer.receive().await, Some((PING, Vec::new())));
            peer.send(frame(FIN | PONG, b"")).await;
        }
        peer.text("after a minute").await;
        assert_eq!(peer.receive().await, Some((PING, Vec::new())));
        peer.gone().await;
    })
    .await;
    let (client, clock) = Client::with_clock(&server);
    let mut socket = soon(client.connect()).await.unwrap();
    let message = while_time_passes(&clock, socket.receive()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("after a minute"));
    let error = while_time_passes(&clock, socket.receive()).await.unwrap_err();
    assert!(error.is(ErrorKind::Timeout) && error.is_retryable(), "{error}");
    assert!(soon(socket.receive()).await.unwrap().is_none());
    until(|| server.open() == 0).await;
}

#[tokio::test]
async fn a_slow_reader_makes_the_server_wait() {
    const CHUNK: usize = 64 * 1024;
    const CHUNKS: usize = 1024;
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let server = Server::start(move |_, mut peer| {
        let count = Arc::clone(&count);
        async move {
            peer.accept().await;
            for _ in 0..CHUNKS {
                peer.send(frame(FIN | BINARY, &[7; CHUNK])).await;
                count.fetch_add(1, Ordering::SeqCst);
            }
            peer.close(1000, "").await;
            peer.gone().await;
        }
    })
    .await;
    let mut socket = Client::of(&server).connect().await.unwrap();
    soon(socket.receive()).await.unwrap().unwrap();
    // Until the kernel takes no more: the count stands still.
    let mut before = usize::MAX;
    while before != sent.load(Ordering::SeqCst) {
        before = sent.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(before < CHUNKS / 2, "{before} chunks are held somewhere");
    let mut rest = 0;
    while let Some(message) = soon(socket.receive()).await.unwrap() {
        assert!(message.as_bytes() == [7; CHUNK]);
        rest += 1;
    }
    assert_eq!(rest, CHUNKS - 1);
}

#[tokio::test]
async fn a_server_that_does_not_read_makes_senders_wait_and_then_fails_them() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        std::future::pending::<()>().await;
    })
    .await;
    let (client, clock) = Client::with_clock(&server);
    let mut socket = soon(client.connect_with(SocketOptions::new().ping_interval(Duration::ZERO))).await.unwrap();
    let sender = socket.sender();
    let sending = async {
        let mut sent = 0_usize;
        loop {
            if let Err(error) = sender.send(vec![0; 1 << 20]).await {
                return (sent, error);
            }
            sent += 1;
        }
    };
    let ((sent, error), received) = while_time_passes(&clock, async { tokio::join!(sending, socket.receive()) }).await;
    assert!(sent < 64, "{sent} MiB are held somewhere");
    assert!(error.is(ErrorKind::Timeout), "{error}");
    assert!(received.unwrap_err().is(ErrorKind::Timeout), "who reads is told too");
    assert!(!sender.is_open() && sender.send("more").await.unwrap_err().is(ErrorKind::Closed));
}

#[tokio::test]
async fn messages_beyond_the_limit_are_not_sent() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        peer.serve().await;
    })
    .await;
    let options = SocketOptions::new().message_max(ByteSize::bytes(100));
    let mut socket = Client::of(&server).connect_with(options).await.unwrap();
    let error = socket.sender().send("x".repeat(101)).await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput) && error.limit().is_some(), "{error}");
    socket.sender().send("x".repeat(100)).await.unwrap();
    assert_eq!(soon(socket.receive()).await.unwrap().unwrap().as_bytes().len(), 100);
}

#[tokio::test]
async fn senders_take_turns() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        peer.serve().await;
    })
    .await;
    let mut socket = Client::of(&server).connect().await.unwrap();
    let mut senders = JoinSet::new();
    for number in 0..20_u8 {
        let sender = socket.sender();
        senders.spawn(async move {
            for _ in 0..10 {
                sender.send(vec![number; 100_000]).await.unwrap();
            }
        });
    }
    let mut counts = [0; 20];
    for _ in 0..200 {
        let message = soon(socket.receive()).await.unwrap().unwrap();
        let number = message.as_bytes()[0];
        assert!(message.as_bytes() == [number; 100_000]);
        counts[usize::from(number)] += 1;
    }
    assert_eq!(counts, [10; 20]);
    soon(senders.join_all()).await;
}

/// Without a task of its own, and without one of the transport's once the connection has left HTTP.
#[tokio::test]
async fn nothing_is_left_of_a_connect_that_is_dropped_at_any_await() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        peer.gone().await;
    })
    .await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let client = Client::of(&server);
    // The transport is made with the first connection.
    drop(client.connect().await.unwrap());
    until(|| server.open() == 0).await;
    let before = tasks();
    let dropped = soon(drop_sweep(
        || client.connect(),
        async || {
            // Woken by what is asked again and again, since nobody tells when a task of the transport's has ended.
            for _ in 0..10_000 {
                if server.open() == 0 && tasks() <= before {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(format!("{} connections and {} tasks, not {before}", server.open(), tasks()))
        },
    ))
    .await
    .unwrap();
    assert!(dropped >= 2, "{dropped}");
}

#[tokio::test]
async fn a_message_whose_sending_is_dropped_is_sent_whole_or_not_at_all() {
    let (told, mut lengths) = tokio::sync::mpsc::channel(1000);
    let server = Server::start(move |_, mut peer| {
        let told = told.clone();
        async move {
            peer.accept().await;
            while let Some((code, content)) = peer.receive().await {
                assert!(matches!(code, BINARY | TEXT) && content.iter().all(|byte| *byte == content[0]));
                told.send(content.len()).await.unwrap();
            }
        }
    })
    .await;
    let socket = Client::of(&server).connect().await.unwrap();
    let sender = socket.sender();
    let dropped = soon(drop_sweep(
        || sender.send(vec![1; 8 << 20]),
        async || {
            sender.send("2").await.map_err(|error| error.to_string())?;
            loop {
                match lengths.recv().await {
                    Some(1) => return Ok(()),
                    Some(length) if length == 8 << 20 => {}
                    other => return Err(format!("{other:?} arrived")),
                }
            }
        },
    ))
    .await
    .unwrap();
    assert!(dropped >= 1, "the message was too small to wait");
    drop(socket);
    until(|| server.open() == 0).await;
}

#[tokio::test]
async fn a_receive_that_is_dropped_loses_nothing() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        for number in 0..100 {
            let bytes = frame(FIN | TEXT, format!("{number}").as_bytes());
            for byte in bytes {
                peer.send([byte]).await;
                tokio::task::yield_now().await;
            }
        }
        peer.gone().await;
    })
    .await;
    let mut socket = Client::of(&server).connect().await.unwrap();
    for number in 0..100 {
        let message = loop {
            tokio::select! {
                biased;
                message = socket.receive() => break message.unwrap().unwrap(),
                () = tokio::task::yield_now() => {}
            }
        };
        assert_eq!(message.as_text(), Some(&*format!("{number}")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_sockets_stay_alive_and_go_together() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        // Two pings, and then a word.
        for _ in 0..2 {
            assert_eq!(peer.receive().await, Some((PING, Vec::new())));
            peer.send(frame(FIN | PONG, b"")).await;
        }
        peer.text("well").await;
        peer.gone().await;
    })
    .await;
    let (client, clock) = Client::with_clock(&server);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut sockets = Vec::new();
    for _ in 0..1000 {
        sockets.push(soon(client.connect()).await.unwrap());
    }
    assert_eq!(server.open(), 1000);
    // The acceptor and 1,000 scripts: the sockets have none.
    until(|| tasks() <= 1001).await;
    let mut readers: JoinSet<_> = sockets
        .into_iter()
        .map(|mut socket| async move {
            let message = socket.receive().await;
            (socket, message)
        })
        .collect();
    let mut done = Vec::new();
    while_time_passes(&clock, async {
        while let Some(read) = readers.join_next().await {
            let (socket, message) = read.unwrap();
            assert!(message.unwrap() == Some(Message::from("well")));
            done.push(socket);
        }
    })
    .await;
    assert_eq!(done.len(), 1000);
    drop(done);
    until(|| server.open() == 0).await;
}
