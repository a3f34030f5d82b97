use std::sync::Mutex;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{
    acd::{Activity, Actor, Standing, Status, StatusView},
    base::{AgentId, UserId, Wall},
    store::scratch::Scratch,
};

fn folder(name: &str) -> Scratch {
    Scratch::new(&format!("notices-{name}"))
}

fn overridden(at: i64) -> Overridden {
    let standing = |status| Standing {
        view: StatusView { status, reason: None, activity: Activity::Idle, pending: None },
        queues: Vec::new(),
    };
    Overridden {
        agent: AgentId(1),
        actor: Actor::Supervisor(UserId(9)),
        reason: Some("lunch".into()),
        old: standing(Status::Ready),
        new: standing(Status::NotReady),
        at: Wall::from_millis(at),
    }
}

/// A server that gives these answers, one a connection, and keeps what it was sent.
async fn server(answers: &'static [&'static str]) -> (Endpoint, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Endpoint::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&heard);
    let serve = async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"}") {
                let mut some = [0; 2048];
                let length = stream.read(&mut some).await.unwrap();
                asked.extend_from_slice(&some[..length]);
            }
            all.lock().unwrap().push(String::from_utf8(asked).unwrap());
            let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    };
    #[expect(clippy::disallowed_methods, reason = "a server for one test")]
    tokio::spawn(serve);
    (to, heard)
}

fn messenger(folder: &Scratch, webhook: Endpoint) -> Messenger {
    let (client, secret) = (HttpClient::new().unwrap(), Some(Private::new("0123456789abcdef".into())));
    let clock = Clock::start();
    Messenger {
        spool: Spool::open(folder.to_path_buf()).unwrap(),
        post: Arc::new(Post { client, webhook, secret, clock }),
        pauses: Pauses { first: Duration::from_millis(1), longest: Duration::from_millis(4) },
        clock,
    }
}

/// One delivery of the oldest.
async fn deliver(messenger: &mut Messenger) -> bool {
    let Underway { number, at, outcome } = messenger.begin().unwrap();
    let outcome = outcome.await;
    messenger.is_over(number, at, outcome)
}

/// SV-05: a notice is sent again until it is taken, in its turn, signed; one that is refused for good holds up nobody.
#[tokio::test]
async fn sv_05_notices_arrive_in_their_order() {
    let (to, heard) = server(&["503 Busy", "200 OK", "410 Gone", "204 OK"]).await;
    let now = Clock::start().now().wall.as_millis();
    let folder = folder("order");
    let mut messenger = messenger(&folder, to);
    for at in [now, now, now + 5] {
        messenger.write_down(&overridden(at), &Centre::default());
    }
    let mut tries = Vec::new();
    while !messenger.spool.is_empty() {
        tries.push(deliver(&mut messenger).await);
    }
    assert_eq!(tries, [false, true, true, true]);
    let heard = heard.lock().unwrap().clone();
    let number =
        |asked: &String| asked.split_once("x-strowger-delivery: ").unwrap().1.lines().next().unwrap().to_owned();
    assert_eq!(number(&heard[0]), number(&heard[1]), "the same again");
    assert!(heard[1..].windows(2).all(|two| number(&two[0]) < number(&two[1])), "in order");
    let (head, body) = heard[1].split_once("\r\n\r\n").unwrap();
    let told: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((told["notice"].as_str(), told["reason"].as_str()), (Some("override"), Some("lunch")));
    assert_eq!((told["old"]["status"].as_str(), told["new"]["status"].as_str()), (Some("ready"), Some("not_ready")));
    assert_eq!(told["at"].as_i64(), Some(now));
    let seconds: i64 = head.split_once("x-strowger-time: ").unwrap().1.lines().next().unwrap().parse().unwrap();
    let at = Wall::from_millis(seconds * 1000);
    let [_, (_, expected)] = &signature(messenger.post.secret.as_ref(), at, body.as_bytes())[..] else { panic!() };
    assert!(head.contains(&format!("x-strowger-signature: {}", expected.to_str().unwrap())), "{head}");
}

/// SV-05: what nobody took outlives the process, but not more than fit.
#[tokio::test]
async fn sv_05_notices_outlive_the_process() {
    let (to, heard) = server(&["200 OK"]).await;
    let (folder, now) = (folder("restart"), Clock::start().now().wall.as_millis());
    let away = Endpoint::parse("http://127.0.0.1:1/").unwrap();
    let mut first = messenger(&folder, away);
    first.write_down(&overridden(now), &Centre::default());
    assert!(!deliver(&mut first).await, "nobody is there");
    drop(first);
    std::fs::write(folder.join("00000000000000000001.new"), "half").unwrap();
    let mut second = messenger(&folder, to);
    assert_eq!(second.spool.len(), 1);
    assert!(deliver(&mut second).await && second.spool.is_empty());
    assert_eq!(heard.lock().unwrap().len(), 1);
    for at in 0..spool::SPOOL_MAX as i64 + 3 {
        let dropped = second.spool.put(Wall::from_millis(at), b"{}").unwrap();
        assert_eq!(dropped, usize::from(at >= spool::SPOOL_MAX as i64));
    }
    assert_eq!(second.spool.len(), spool::SPOOL_MAX);
}

/// SV-05: while somebody takes his time over one notice, the next ones are on disk already.
#[tokio::test]
async fn sv_05_a_slow_webhook_keeps_no_notice_from_the_disk() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Endpoint::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let (folder, now) = (folder("slow"), Clock::start().now().wall.as_millis());
    let (sender, incoming) = mpsc::channel(4);
    let run = messenger(&folder, to).run(incoming, || Arc::new(Centre::default()));
    let tell = async {
        sender.send(overridden(now)).await.unwrap();
        // He takes the connection, and says nothing.
        let _held = listener.accept().await.unwrap();
        for at in 1..=3 {
            sender.send(overridden(now + at)).await.unwrap();
        }
        while std::fs::read_dir(&*folder).unwrap().count() < 4 {
            tokio::task::yield_now().await;
        }
    };
    let told = tokio::time::timeout(ANSWER_TIME / 2, async {
        tokio::select! { () = run => false, () = tell => true }
    });
    assert!(told.await.unwrap_or(false), "all four are written down");
}
