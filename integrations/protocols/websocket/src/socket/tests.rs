//! Whatever a service sends, a socket ends.

use circle_core_common::ByteSize;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

use super::*;

/// Reads until the end; gives the bytes of all messages, and whether it ended in an error.
fn read(bytes: &[u8], chunk: usize) -> (Vec<Vec<u8>>, bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(bytes.len().max(1) + 64 * 1024);
        let options = SocketOptions::new().message_max(ByteSize::bytes(4096)).ping_interval(std::time::Duration::ZERO);
        let mut socket = Socket::over(RawConnection::new(ours), &Clock::System, options).await;
        let mut messages = Vec::new();
        let mut chunks = bytes.chunks(chunk);
        loop {
            tokio::select! {
                biased;
                received = socket.receive() => match received {
                    Ok(Some(message)) => messages.push(message.as_bytes().to_vec()),
                    Ok(None) => return (messages, false),
                    Err(_) => {
                        assert!(matches!(socket.receive().await, Ok(None)));
                        return (messages, true);
                    }
                },
                () = tokio::task::yield_now() => match chunks.next() {
                    Some(chunk) => theirs.write_all(chunk).await.unwrap(),
                    None => theirs.shutdown().await.unwrap(),
                },
            }
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..300), chunk in 1..50_usize) {
        let (messages, _) = read(&bytes, chunk);
        prop_assert!(messages.iter().map(Vec::len).sum::<usize>() <= bytes.len());
    }

    /// Frames of any kind, right and wrong, are read the same in one piece and in many.
    #[test]
    fn any_frames_are_the_same_however_they_are_cut(
        frames in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..126)), 0..20),
        chunk in 1..50_usize,
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(first, content)| {
            // Mostly frames that exist, so that the later ones are reached.
            let first = [0x01, 0x81, 0x82, 0x80, 0x00, 0x89, 0x8a, *first][usize::from(first % 8)];
            let length = u8::try_from(content.len()).unwrap();
            [&[first, length][..], content].concat()
        }).collect();
        prop_assert_eq!(read(&bytes, chunk), read(&bytes, bytes.len().max(1)));
    }
}
