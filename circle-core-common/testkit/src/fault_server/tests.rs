use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const GET: &str = "GET /a?b=%20c HTTP/1.1\r\nHost: x\r\n\r\n";

/// What comes for these requests until the end of the connection, and how it ended.
async fn send(server: &FaultServer, requests: &str) -> (String, io::Result<()>) {
    let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
    stream.write_all(requests.as_bytes()).await.expect("sent");
    read(&mut stream).await
}

async fn read(stream: &mut TcpStream) -> (String, io::Result<()>) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.map(drop);
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

async fn served(replies: impl IntoIterator<Item = Reply>, requests: &str) -> (String, io::Result<()>) {
    let server = FaultServer::start().await.expect("a server");
    server.script(replies);
    send(&server, requests).await
}

#[tokio::test]
async fn requests_are_kept_byte_for_byte() -> io::Result<()> {
    let server = FaultServer::start().await?;
    server.script([Reply::ok("1"), Reply::status(204).closing()]);
    let requests = "POST /a%2Fb//c?x=%7e&y HTTP/1.1\r\nHost: h\r\nX-A: one\r\nx-a:two\r\nContent-Length: 3\r\n\r\nabc\
                    PUT /chunks HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nde\r\n1\r\nf\r\n0\r\nT: t\r\n\r\n";
    let (text, end) = send(&server, requests).await;
    end?;
    assert_eq!(text, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1HTTP/1.1 204 Status\r\nconnection: close\r\n\r\n");
    let received = server.received();
    assert_eq!((server.hits(), server.connections(), server.unexpected()), (2, 1, 0));
    assert_eq!((received[0].method.as_str(), received[0].target.as_str()), ("POST", "/a%2Fb//c?x=%7e&y"));
    assert_eq!((received[0].path(), received[0].query()), ("/a%2Fb//c", "x=%7e&y"));
    let header = |at: usize| (received[0].headers[at].0.as_str(), received[0].headers[at].1.as_str());
    assert_eq!((header(1), header(2), received[0].header("X-a")), (("X-A", "one"), ("x-a", "two"), Some("one")));
    assert_eq!((received[0].body.as_ref(), received[1].body.as_ref()), (&b"abc"[..], &b"def"[..]));
    assert!(requests.as_bytes().ends_with(&received[1].raw) && requests.as_bytes().starts_with(&received[0].raw));
    assert!(!format!("{:?}", received[0]).contains("%7e"));
    Ok(())
}

#[tokio::test]
async fn routes_come_before_what_is_for_all() -> io::Result<()> {
    let server = FaultServer::start().await?;
    server.always(Reply::status(404).closing());
    server.at("/a").once(Reply::status(503).closing()).always_with(|request| Reply::ok(request.query().to_owned()).closing());
    server.when(|request| request.method == "PUT").always(Reply::status(409).closing());
    let mut texts = Vec::new();
    for request in [GET, GET, "GET /b HTTP/1.1\r\n\r\n", "PUT /b HTTP/1.1\r\n\r\n"] {
        texts.push(send(&server, request).await.0);
    }
    assert_eq!(texts.iter().map(|text| &text[9..12]).collect::<Vec<_>>(), ["503", "200", "404", "409"]);
    assert!(texts[1].ends_with("\r\n\r\nb=%20c"), "{}", texts[1]);
    server.reset();
    assert_eq!((server.hits(), server.received().len()), (0, 0));
    let unscripted = "GET /nowhere?secret HTTP/1.1\r\n\r\nGET / HTTP/1.0";
    assert!(tokio::time::timeout(Duration::from_millis(100), send(&server, unscripted)).await.is_err());
    assert_eq!((server.hits(), server.unexpected()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn answers_break_where_and_as_they_should() {
    let whole = || Reply::ok("0123456789");
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
    for (how, is_reset) in [(Break::Close, false), (Break::Reset, true)] {
        for (place, expected) in [
            (Place::Start, String::new()),
            (Place::Head, head[..head.len() / 2].to_owned()),
            (Place::Body(0), head.to_owned()),
            (Place::Body(4), format!("{head}0123")),
            (Place::Body(99), format!("{head}0123456789")),
        ] {
            let (text, end) = served([whole().breaking(place, how)], GET).await;
            assert_eq!(end.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset), is_reset, "{place:?}, {how:?}");
            assert_eq!(text, expected, "{place:?}, {how:?}");
        }
    }
    assert_eq!(served([Reply::hang_up()], GET).await.0, "");
    assert!(served([Reply::reset()], GET).await.1.is_err());
}

#[tokio::test]
async fn a_silent_server_notices_that_the_client_went() -> io::Result<()> {
    let server = FaultServer::start().await?;
    server.script([Reply::silent(), Reply::ok("abc").breaking(Place::Body(1), Break::Stall)]);
    for expected in ["", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na"] {
        let mut stream = TcpStream::connect(server.address()).await?;
        stream.write_all(GET.as_bytes()).await?;
        let mut bytes = Vec::new();
        let reading = tokio::time::timeout(Duration::from_millis(100), stream.read_to_end(&mut bytes));
        assert!(reading.await.is_err());
        assert_eq!((String::from_utf8_lossy(&bytes).as_ref(), server.open_connections()), (expected, 1));
        drop(stream);
        while server.open_connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert_eq!(server.peak_in_flight(), 1);
    Ok(())
}

#[tokio::test]
async fn slow_answers_take_their_time() {
    let each = Duration::from_millis(2);
    for (reply, least) in [
        (Reply::ok("abcdef").drip(2, Duration::from_millis(30)), 60),
        (Reply::ok("").slow_head(each), 38 * 2),
        (Reply::ok("").after(Duration::from_millis(50)), 50),
    ] {
        let began = Instant::now();
        let (text, end) = served([reply.clone().closing()], GET).await;
        assert!(end.is_ok() && text.contains("\r\n\r\n"), "{text}");
        assert!(began.elapsed() >= Duration::from_millis(least), "{reply:?} took {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn framing_is_right_or_wrong_as_asked() {
    let framed = async |reply: Reply| served([reply.closing()], GET).await.0;
    let text = framed(Reply::ok("abcd").chunked()).await;
    assert!(text.contains("chunked\r\n") && text.ends_with("\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"), "{text}");
    assert!(framed(Reply::ok("").chunked()).await.ends_with("\r\n\r\n0\r\n\r\n"));
    assert!(framed(Reply::ok("abcd").bad_chunks()).await.ends_with("\r\n\r\n2\r\nab\r\nno-size\r\n"));
    assert!(framed(Reply::ok("abcd").announcing(9)).await.contains("content-length: 9\r\n"));
    let text = framed(Reply::ok("abcd").until_close()).await;
    assert!(!text.contains("content-length") && text.ends_with("\r\n\r\nabcd"), "{text}");
    assert_eq!(framed(Reply::raw("garbage")).await, "garbage");
    assert!(framed(Reply::huge_headers(100_000)).await.len() > 100_000);
    let text = framed(Reply::ok("x").header("content-length", "1").header("content-length", "2")).await;
    assert_eq!(text.matches("content-length").count(), 2);
    let bomb = framed(Reply::gzip_bomb(1 << 20)).await;
    assert!(bomb.contains("content-encoding: gzip\r\n") && bomb.len() < 20_000, "{}", bomb.len());
    let head = served([Reply::ok("abc").closing()], "HEAD / HTTP/1.1\r\n\r\n").await.0;
    assert!(head.contains("content-length: 3\r\n") && head.ends_with("\r\n\r\n"), "{head}");
}

#[tokio::test]
async fn a_body_can_be_larger_than_anybody_holds() -> io::Result<()> {
    let server = FaultServer::start().await?;
    server
        .script([Reply::status(500).body("ab").filled(1 << 30), Reply::ok("").filled(9).breaking(Place::Body(5), Break::Close)]);
    let mut stream = TcpStream::connect(server.address()).await?;
    stream.write_all(GET.as_bytes()).await?;
    let mut beginning = vec![0; 100_000];
    stream.read_exact(&mut beginning).await?;
    let text = String::from_utf8_lossy(&beginning);
    assert!(text.contains("content-length: 1073741826\r\n\r\nabxxx") && text.ends_with("xxx"));
    drop(stream);
    assert!(send(&server, GET).await.0.ends_with("content-length: 9\r\n\r\nxxxxx"));
    Ok(())
}

#[tokio::test]
async fn a_tarpit_takes_connections_and_says_nothing() -> io::Result<()> {
    let server = FaultServer::tarpit().await?;
    assert!(tokio::time::timeout(Duration::from_millis(100), send(&server, GET)).await.is_err());
    assert_eq!((server.connections(), server.hits()), (1, 0));
    Ok(())
}

#[tokio::test]
async fn a_connection_can_close_just_when_it_is_used_again() -> io::Result<()> {
    let server = FaultServer::start().await?;
    server.always(Reply::ok("a").closing_on_reuse());
    let mut stream = TcpStream::connect(server.address()).await?;
    stream.write_all(GET.as_bytes()).await?;
    let mut answer = [0; 40];
    let read = stream.read(&mut answer).await?;
    assert!(answer[..read].ends_with(b"\r\n\r\na") && !answer.windows(5).any(|word| word == b"close"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.open_connections(), 1);
    stream.write_all(GET.as_bytes()).await?;
    assert_eq!(super::tests::read(&mut stream).await.0, "");
    assert_eq!(server.hits(), 1, "the request that met the end was not taken");
    Ok(())
}

#[tokio::test]
async fn requests_can_be_interrupted_before_they_have_arrived() -> io::Result<()> {
    let server = FaultServer::start().await?;
    server.always(Reply::ok("").closing());
    server.interrupt([Reply::status(403).body("no").reading(2), Reply::reset().reading(2), Reply::hang_up()]);
    let unfinished = "PUT /a HTTP/1.1\r\ncontent-length: 1000000\r\n\r\nabc";
    let no = "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno";
    assert!(send(&server, GET).await.0.starts_with("HTTP/1.1 200"), "a request without a body is not");
    let (text, end) = send(&server, unfinished).await;
    assert!(end.is_ok() && text == no, "{text}");
    assert!(send(&server, unfinished).await.1.is_err());
    assert_eq!(send(&server, unfinished).await.0, "");
    let whole = "PUT /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc";
    assert!(send(&server, whole).await.0.starts_with("HTTP/1.1 200"));
    let received: Vec<_> = server.received().iter().map(|request| request.body.len()).collect();
    assert_eq!((received, server.hits()), (vec![0, 0, 0, 0, 3], 5));
    Ok(())
}

#[tokio::test]
async fn what_is_no_request_ends_its_connection_alone() -> io::Result<()> {
    let server = FaultServer::start().await?;
    server.always(Reply::ok("").closing());
    for garbage in ["garbage\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "PUT / HTTP/1.1\r\ncontent-length: x\r\n\r\n"] {
        assert_eq!(send(&server, garbage).await.0, "", "{garbage}");
    }
    let endless = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(300_000));
    assert_eq!(send(&server, &endless).await.0, "");
    assert_eq!(server.hits(), 0);
    assert!(send(&server, GET).await.0.starts_with("HTTP/1.1 200"));
    let address = server.address();
    drop(server);
    while TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
