//! How sockets end.

use std::time::Duration;

use circle_core_common::ErrorKind;
use circle_core_protocol_websocket::{Close, CloseCode};

use crate::server::{CLOSE, FIN, Server, closing, frame};
use crate::{Client, soon, until, while_time_passes};

#[tokio::test]
async fn ours_is_answered() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        peer.text("on its way").await;
        assert_eq!(peer.receive().await, Some((CLOSE, closing(1000, "done"))));
        peer.text("still coming").await;
        peer.close(1000, "bye").await;
        peer.gone().await;
    })
    .await;
    let client = Client::of(&server);
    let mut socket = client.connect().await.unwrap();
    let answer = soon(socket.close(CloseCode::NORMAL, "done")).await.unwrap().unwrap();
    assert_eq!((answer.code, &*answer.reason), (Some(CloseCode::NORMAL), "bye"));
    assert!(soon(socket.receive()).await.unwrap().is_none());
    assert!(soon(socket.close(CloseCode::NORMAL, "")).await.is_ok(), "twice is no error");
    until(|| server.open() == 0).await;

    let mut socket = client.connect().await.unwrap();
    socket.begin_close(CloseCode::NORMAL, "done").unwrap();
    assert!(socket.sender().send("more").await.unwrap_err().is(ErrorKind::Closed));
    for text in ["on its way", "still coming"] {
        assert_eq!(soon(socket.receive()).await.unwrap().unwrap().as_text(), Some(text));
    }
    assert!(soon(socket.receive()).await.unwrap().is_none());
}

#[tokio::test]
async fn ours_is_waited_for_no_longer_than_its_time() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        peer.gone().await;
    })
    .await;
    let (client, clock) = Client::with_clock(&server);
    let mut socket = soon(client.connect()).await.unwrap();
    let answer = while_time_passes(&clock, socket.close(CloseCode::GOING_AWAY, "")).await.unwrap();
    assert_eq!(answer, None);
    until(|| server.open() == 0).await;
}

#[tokio::test]
async fn theirs_is_answered_and_told() {
    for (content, kind) in [
        (closing(1000, "done"), None),
        (Vec::new(), None),
        (closing(1001, "restart"), Some(ErrorKind::Unavailable)),
        (closing(1008, "no"), Some(ErrorKind::PermissionDenied)),
        (closing(1011, ""), Some(ErrorKind::Internal)),
        (closing(4004, "token"), Some(ErrorKind::Closed)),
    ] {
        let (told, mut answers) = tokio::sync::mpsc::channel(1);
        let sent = content.clone();
        let server = Server::start(move |_, mut peer| {
            let (told, content) = (told.clone(), content.clone());
            async move {
                peer.accept().await;
                peer.text("first").await;
                peer.send(frame(FIN | CLOSE, &content)).await;
                told.send(peer.receive().await).await.unwrap();
                peer.gone().await;
            }
        })
        .await;
        let mut socket = Client::of(&server).connect().await.unwrap();
        assert_eq!(soon(socket.receive()).await.unwrap().unwrap().as_text(), Some("first"));
        match (soon(socket.receive()).await, kind) {
            (Ok(None), None) => {}
            (Err(error), Some(kind)) => {
                assert_eq!(error.kind(), kind);
                assert_eq!(error.provider_error::<Close>(), socket.closed());
            }
            (other, _) => panic!("{sent:?}: {other:?}"),
        }
        let code = sent.first_chunk().map(|code| CloseCode::new(u16::from_be_bytes(*code)));
        assert_eq!(socket.closed().unwrap().code, code);
        assert_eq!(soon(answers.recv()).await.unwrap(), Some((CLOSE, sent)), "the code goes back");
        assert!(soon(socket.receive()).await.unwrap().is_none());
        until(|| server.open() == 0).await;
    }
}

#[tokio::test]
async fn reasons_are_cut_and_codes_are_checked() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        let (_, content) = peer.receive().await.unwrap();
        // 123 bytes are left for a reason, and a letter of two bytes is not cut.
        assert_eq!(content, closing(4000, &"ä".repeat(61)));
        peer.send(frame(FIN | CLOSE, &content)).await;
    })
    .await;
    let mut socket = Client::of(&server).connect().await.unwrap();
    for code in [0, 1005, 1006, 1015, 5000] {
        let error = socket.begin_close(CloseCode::new(code), "").unwrap_err();
        assert!(error.is(ErrorKind::InvalidInput), "{code}");
    }
    let answer = soon(socket.close(CloseCode::new(4000), &"ä".repeat(100))).await.unwrap();
    assert_eq!(answer.unwrap().code, Some(CloseCode::new(4000)));
}

#[tokio::test]
async fn what_comes_after_a_close_is_not_read() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        peer.send([frame(FIN | CLOSE, &closing(1000, "")), frame(FIN | 1, b"late")].concat()).await;
        peer.gone().await;
    })
    .await;
    let mut socket = Client::of(&server).connect().await.unwrap();
    assert!(soon(socket.receive()).await.unwrap().is_none());
    tokio::time::timeout(Duration::from_secs(60), until(|| server.open() == 0)).await.unwrap();
}
