//! A client against a Castle in memory: what it is told it does, once, and says so at once; and it goes
//! on while nobody answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::timeout;

use super::steered::{About, Steered};
use super::task::{Castle, Heartbeats};
use crate::client::session::Session;
use crate::client::{Client, ClientError, runtime};
use crate::http::castle::{
    BrokerCandidate, ClientStats, ClusterDispatch, Command, Directive, HeartbeatRequest,
    HeartbeatResponse, HeartbeatStatus, PartitionDispatch, Subscription, TopicDispatch,
};
use crate::model::error_code::ErrorCode;
use crate::model::problem::Problem;

/// How long these tests wait for a Castle that is not there.
const NO_CASTLE: Duration = Duration::from_millis(300);

type Answer = Result<HeartbeatResponse, ClientError>;

#[derive(Debug, Default)]
struct FakeCastle {
    answers: Mutex<VecDeque<Answer>>,
    heard: watch::Sender<Vec<HeartbeatRequest>>,
}

impl Castle for FakeCastle {
    fn beat(&self, request: HeartbeatRequest, _: u32) -> BoxFuture<'_, Answer> {
        self.heard.send_modify(|heard| heard.push(request));
        let next = self.answers.lock().unwrap().pop_front();
        Box::pin(async move {
            match next {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}

#[derive(Debug, Default)]
struct Puppet(Mutex<Vec<String>>);

impl Steered for Puppet {
    fn about(&self) -> About {
        About { client_id: "app".to_owned(), instance_id: "app-1".to_owned(), ..About::default() }
    }

    fn report(&self) -> (Vec<Subscription>, ClientStats) {
        let topic = Subscription { topic: "t".to_owned(), ..Subscription::default() };
        (vec![topic], ClientStats { records: 5, ..ClientStats::default() })
    }

    fn obey(&self, command: &Command) {
        self.0.lock().unwrap().push(format!("{command:?}"));
    }

    fn hint(&self, topic: &str, dispatch: &TopicDispatch) {
        self.0.lock().unwrap().push(format!("{topic} {}", dispatch.partitions[0].epoch));
    }

    fn moved(&self, topic: &str, cluster: &str, addresses: &[String]) {
        self.0.lock().unwrap().push(format!("{topic} moved to {cluster} {addresses:?}"));
    }
}

fn ok(directives: &[(u64, Command)]) -> Answer {
    let directives = directives.iter().cloned().map(|(id, kind)| Directive { id, kind });
    let (status, directives) = (HeartbeatStatus::NoChange, directives.collect());
    Ok(HeartbeatResponse { status, interval_ms: 1, directives, ..HeartbeatResponse::default() })
}

/// Answers one after the other, and what was heard until one more was asked for.
async fn session(answers: Vec<Answer>) -> (Vec<HeartbeatRequest>, Vec<String>, Arc<Session>) {
    let expected = answers.len() + 1;
    let castle = Arc::new(FakeCastle { answers: Mutex::new(answers.into()), ..Default::default() });
    let servers = ["a:1".to_owned(), "b:2".to_owned()];
    let session = Arc::new(Session::new(Client::new(servers).unwrap()));
    let puppet = Arc::new(Puppet::default());
    let client: Arc<dyn Steered> = puppet.clone();
    let mut beats = Heartbeats::new(castle.clone(), session.clone(), Arc::downgrade(&client));
    (beats.no_castle, beats.interval) = (NO_CASTLE, Duration::from_millis(1));
    let task = runtime::spawn(beats.run());
    let mut heard = castle.heard.subscribe();
    let all = heard.wait_for(|heard| heard.len() >= expected);
    drop(timeout(Duration::from_secs(60), all).await.expect("it stopped beating").unwrap());
    task.abort();
    let (heard, did) = (castle.heard.borrow().clone(), puppet.0.lock().unwrap().clone());
    (heard, did, session)
}

#[tokio::test]
async fn a_client_does_what_it_is_told_once_and_says_so_at_once() {
    let throttle = Command::Throttle { bytes_per_second: 100 };
    let pause = [(4, Command::Pause), (5, throttle)];
    let (heard, did, _) = session(vec![ok(&pause), ok(&pause), ok(&[])]).await;
    assert_eq!(did, ["Pause", "Throttle { bytes_per_second: 100 }"]);
    let done: Vec<_> = heard.iter().map(|request| request.done.clone()).collect();
    assert_eq!(done, [vec![], vec![4, 5], vec![4, 5], vec![]]);
    let first = &heard[0];
    assert_eq!((first.client_id.as_str(), first.instance_id.as_str()), ("app", "app-1"));
    assert_eq!((first.subscriptions.len(), first.stats.records), (1, 5));
    assert!(!first.session.is_empty() && heard.iter().all(|one| one.session == first.session));
}

#[tokio::test]
async fn without_castle_a_client_goes_on_with_what_it_has() {
    let none = Err(ClientError::from(Problem::new(ErrorCode::NoSuchEndpoint, "no such endpoint")));
    let lost = Err(ClientError::Unreachable { tried: Vec::new() });
    let refused = Ok(HeartbeatResponse {
        status: HeartbeatStatus::RegisterFail,
        code: Some(ErrorCode::Overloaded),
        ..HeartbeatResponse::default()
    });
    let began = runtime::now();
    let (heard, did, session) =
        session(vec![none, lost, refused, ok(&[(1, Command::Reset { topic: "t".into() })])]).await;
    assert!(runtime::now() - began >= NO_CASTLE, "it asks less often for what is not there");
    assert_eq!(did, ["Reset { topic: \"t\" }"]);
    assert_eq!(heard.last().unwrap().done, [1]);
    assert_eq!(session.client(None, 0).servers(), ["http://a:1", "http://b:2"]);
}

#[tokio::test]
async fn answers_order_the_servers_and_tell_of_topics() {
    let broker = |id, http: &str, rack: &str| BrokerCandidate {
        id,
        http: http.to_owned(),
        rack: rack.to_owned(),
        ..BrokerCandidate::default()
    };
    let partition = PartitionDispatch { epoch: 4, ..PartitionDispatch::default() };
    let topic = TopicDispatch {
        partitions: vec![partition],
        moved_to: Some("west".to_owned()),
        ..TopicDispatch::default()
    };
    let own = ClusterDispatch {
        brokers: vec![broker(3, "c:3", "x"), broker(2, "http://b:2", "y")],
        topics: [("t".to_owned(), topic)].into(),
    };
    let other = ClusterDispatch { brokers: vec![broker(9, "w:9", "")], ..Default::default() };
    let answer = HeartbeatResponse {
        clusters: [("east".to_owned(), own), ("west".to_owned(), other)].into(),
        interval_ms: 1,
        ..HeartbeatResponse::default()
    };
    let (_, did, ordered) = session(vec![Ok(answer.clone())]).await;
    let order = |session: &Session| session.client(None, 0).servers();
    assert_eq!(order(&ordered), ["http://c:3", "http://b:2", "http://a:1"]);
    assert_eq!(did, ["t 4", "t moved to west [\"w:9\"]"]);
    let to_rack = Command::Move { to: "rack:y".to_owned() };
    let (_, _, moved) = session(vec![Ok(answer), ok(&[(1, to_rack)])]).await;
    assert_eq!(order(&moved), ["http://b:2", "http://c:3", "http://a:1"]);
    assert!(!moved.move_to("somewhere"));
    assert!(moved.move_to("node:3"));
    assert_eq!(order(&moved), ["http://c:3", "http://b:2", "http://a:1"]);
}
