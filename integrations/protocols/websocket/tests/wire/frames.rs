//! Messages, and frames that are none.

use circle_core_common::{ByteSize, ErrorKind, Reason};
use circle_core_protocol_websocket::{Message, SocketOptions};
use tokio::io::AsyncWriteExt;

use crate::server::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, Server, TEXT, closing, frame};
use crate::{Client, soon};

#[tokio::test]
async fn messages_go_both_ways() {
    let server = Server::start(|_, mut peer| async move {
        peer.accept().await;
        peer.serve().await;
    })
    .await;
    let mut socket = Client::of(&server).connect().await.unwrap();
    let sender = socket.sender();
    for message in [
        Message::from(""),
        Message::from("ä € 😀"),
        Message::from(vec![0_u8; 125]),
        Message::from(vec![1_u8; 126]),
        Message::from(vec![2_u8; 65_535]),
        Message::from("x".repeat(65_536)),
        Message::from(vec![3_u8; 1_000_000]),
    ] {
        let (sent, received) = soon(async { tokio::join!(sender.send(message.clone()), socket.receive()) }).await;
        sent.unwrap();
        assert!(received.unwrap() == Some(message));
    }
}

#[tokio::test]
async fn fragments_are_one_message_and_pings_between_them_are_answered() {
    let (pongs, mut answered) = tokio::sync::mpsc::channel(8);
    let server = Server::start(move |_, mut peer| {
        let pongs = pongs.clone();
        async move {
            peer.accept().await;
            // The letter is cut in the middle of its bytes.
            let euro = "€".as_bytes();
            peer.send(frame(TEXT, &euro[..1])).await;
            peer.send(frame(FIN | PING, b"between")).await;
            pongs.send(peer.receive().await.unwrap()).await.unwrap();
            peer.send(frame(CONTINUATION, &euro[1..2])).await;
            peer.send(frame(CONTINUATION, b"")).await;
            peer.send(frame(FIN | CONTINUATION, &euro[2..])).await;
            peer.send(frame(FIN | PONG, b"nobody asked")).await;
            peer.send(frame(FIN | BINARY, b"next")).await;
            peer.serve().await;
        }
    })
    .await;
    let mut socket = Client::of(&server).connect().await.unwrap();
    assert_eq!(soon(socket.receive()).await.unwrap().unwrap().as_text(), Some("€"));
    assert!(soon(socket.receive()).await.unwrap() == Some(Message::from(b"next".to_vec())));
    assert_eq!(answered.recv().await, Some((PONG, b"between".to_vec())));
}

#[tokio::test]
async fn what_breaks_the_protocol_is_refused_and_told() {
    let text = FIN | TEXT;
    let masked = [text, 0x81, 0, 0, 0, 0, b'a'].to_vec();
    let huge = |length: u64| [&[FIN | BINARY, 127][..], &length.to_be_bytes()].concat();
    let two = |one: Vec<u8>, other: Vec<u8>| [one, other].concat();
    let cases: Vec<(&str, Vec<u8>, ErrorKind, u16)> = vec![
        ("reserved bit 1", frame(text | 0x40, b"a"), ErrorKind::Decode, 1002),
        ("reserved bit 2", frame(text | 0x20, b"a"), ErrorKind::Decode, 1002),
        ("reserved bit 3 of a control frame", frame(FIN | PING | 0x10, b""), ErrorKind::Decode, 1002),
        ("masked", masked, ErrorKind::Decode, 1002),
        ("fragmented ping", frame(PING, b"a"), ErrorKind::Decode, 1002),
        ("fragmented close", frame(CLOSE, b""), ErrorKind::Decode, 1002),
        ("long ping", frame(FIN | PING, &[0; 126]), ErrorKind::Decode, 1002),
        ("unknown data", frame(FIN | 3, b"a"), ErrorKind::Decode, 1002),
        ("unknown control", frame(FIN | 11, b""), ErrorKind::Decode, 1002),
        ("continuation of nothing", frame(FIN | CONTINUATION, b"a"), ErrorKind::Decode, 1002),
        ("message within a message", two(frame(TEXT, b"a"), frame(text, b"b")), ErrorKind::Decode, 1002),
        ("close of one byte", frame(FIN | CLOSE, b"\x03"), ErrorKind::Decode, 1002),
        ("no UTF-8", frame(text, b"a\xff"), ErrorKind::Decode, 1007),
        ("half a letter", frame(text, b"\xe2\x82"), ErrorKind::Decode, 1007),
        ("no UTF-8 in a later fragment", two(frame(TEXT, b"a"), frame(FIN | CONTINUATION, b"\xff")), ErrorKind::Decode, 1007),
        ("no UTF-8 in a reason", frame(FIN | CLOSE, b"\x03\xe8\xff"), ErrorKind::Decode, 1007),
        ("a byte too much", frame(FIN | BINARY, &[0; 1025]), ErrorKind::InvalidInput, 1009),
        (
            "a byte too much in two",
            two(frame(BINARY, &[0; 1024]), frame(FIN | CONTINUATION, b"a")),
            ErrorKind::InvalidInput,
            1009,
        ),
        ("4 EiB", huge(1 << 62), ErrorKind::InvalidInput, 1009),
        ("more than there can be", huge(u64::MAX), ErrorKind::InvalidInput, 1009),
    ];
    for (name, bytes, kind, code) in cases {
        let (told, mut codes) = tokio::sync::mpsc::channel(1);
        let server = Server::start(move |_, mut peer| {
            let (told, bytes) = (told.clone(), bytes.clone());
            async move {
                peer.accept().await;
                peer.send(bytes).await;
                let _ = told.send(peer.receive().await).await;
                peer.gone().await;
            }
        })
        .await;
        let options = SocketOptions::new().message_max(ByteSize::bytes(1024));
        let mut socket = soon(Client::of(&server).connect_with(options)).await.unwrap();
        let error = soon(socket.receive()).await.expect_err(name);
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert_eq!(error.reason() == Some(Reason::OutsideLimit), code == 1009, "{name}");
        assert!(!error.is_retryable(), "{name}");
        assert!(soon(socket.receive()).await.unwrap().is_none(), "{name}: once");
        assert!(socket.sender().send("more").await.unwrap_err().is(ErrorKind::Closed), "{name}");
        let told = soon(codes.recv()).await.unwrap();
        assert_eq!(told, Some((CLOSE, closing(code, ""))), "{name}");
    }
}

/// The frames of a conversation, and after how many bytes which messages are whole.
fn conversation() -> (Vec<u8>, Vec<(usize, &'static str)>) {
    let mut bytes = frame(FIN | TEXT, b"one");
    let one = bytes.len();
    bytes.extend(frame(TEXT, b"tw"));
    bytes.extend(frame(FIN | PING, b"p"));
    bytes.extend(frame(FIN | CONTINUATION, b"o"));
    let two = bytes.len();
    bytes.extend(frame(FIN | TEXT, "three ".repeat(30).as_bytes()));
    let three = bytes.len();
    (bytes, vec![(one, "one"), (two, "two"), (three, "three")])
}

#[tokio::test]
async fn a_cut_at_any_byte_loses_no_whole_message_and_gives_no_half_one() {
    let (bytes, messages) = conversation();
    let server = Server::start(|number, mut peer| async move {
        peer.accept().await;
        peer.send(&conversation().0[..number]).await;
        // Half-closed, so that what the client writes meanwhile resets nothing.
        let _ = peer.stream.shutdown().await;
        peer.gone().await;
    })
    .await;
    let client = Client::of(&server);
    for cut in 0..=bytes.len() {
        let mut socket = soon(client.connect()).await.unwrap();
        for (_, text) in messages.iter().filter(|(end, _)| *end <= cut) {
            let message = soon(socket.receive()).await.unwrap().unwrap();
            assert!(message.as_text().unwrap().starts_with(text), "{cut}");
        }
        let error = soon(socket.receive()).await.expect_err("cut");
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Truncated)), "{cut}: {error}");
        assert!(error.is_retryable() && soon(socket.receive()).await.unwrap().is_none(), "{cut}");
    }
}

#[tokio::test]
async fn messages_are_the_same_in_drips() {
    let server = Server::start(|number, mut peer| async move {
        let _ = peer.stream.set_nodelay(true);
        // With the answer of the handshake, too: what follows it is the socket's.
        let bytes = [peer.acceptance("").into_bytes(), conversation().0].concat();
        for chunk in bytes.chunks(number + 1) {
            peer.send(chunk).await;
            tokio::task::yield_now().await;
        }
        peer.serve().await;
    })
    .await;
    let client = Client::of(&server);
    for _ in 0..12 {
        let mut socket = soon(client.connect()).await.unwrap();
        for (_, text) in conversation().1 {
            assert!(soon(socket.receive()).await.unwrap().unwrap().as_text().unwrap().starts_with(text));
        }
    }
}
