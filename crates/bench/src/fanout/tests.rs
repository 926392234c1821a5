//! The load against a server that speaks as nchan does, and is at fault now and then.

use std::{cell::RefCell, collections::HashMap, fs};

use clock::Clock;
use futures::SinkExt;
use http::StatusCode;
use testkit::Keys;
use tokio::{
    net::{TcpListener, TcpStream},
    task::spawn_local,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

use super::*;

/// What the server does wrong with one message for one follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Nothing,
    Loses,
    Doubles,
    Swaps,
    Changes,
    /// It lets anybody in.
    LetsIn,
}

/// The message that the fault is about.
const AT: usize = 5;

type Followers = Rc<RefCell<HashMap<String, Vec<mpsc::UnboundedSender<String>>>>>;

async fn serve(listener: TcpListener, fault: Fault) {
    let rooms = Followers::default();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        spawn_local(one(stream, rooms.clone(), fault));
    }
}

#[expect(clippy::result_large_err, reason = "tungstenite wants it so")]
async fn one(stream: TcpStream, rooms: Followers, fault: Fault) {
    let mut path = String::new();
    let seen = |request: &Request, response: Response| {
        path = request.uri().path().to_owned();
        if path.contains("/nobody/") && fault != Fault::LetsIn {
            let mut refused = ErrorResponse::new(None);
            *refused.status_mut() = StatusCode::FORBIDDEN;
            return Err(refused);
        }
        Ok(response)
    };
    let Ok(mut socket) = accept_hdr_async(stream, seen).await else {
        return;
    };
    let [_, task, _, room] = path.split('/').collect::<Vec<_>>()[..] else {
        panic!("{path}");
    };
    if task == "follow" {
        let (tell, mut told) = mpsc::unbounded_channel::<String>();
        rooms
            .borrow_mut()
            .entry(room.to_owned())
            .or_default()
            .push(tell);
        while let Some(text) = told.recv().await {
            if socket.send(Message::text(text)).await.is_err() {
                return;
            }
        }
        return;
    }
    let mut held = None;
    let mut count = 0;
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        let text = text.to_string();
        for (index, follower) in rooms.borrow()[room].iter().enumerate() {
            let texts = if index > 0 {
                vec![text.clone()]
            } else {
                match (fault, count) {
                    (Fault::Loses, AT) => vec![],
                    (Fault::Doubles, AT) => vec![text.clone(), text.clone()],
                    (Fault::Swaps, AT) => {
                        held = Some(text.clone());
                        vec![]
                    }
                    (Fault::Changes, AT) => vec![text.replace("tent", "boat")],
                    _ => [text.clone()].into_iter().chain(held.take()).collect(),
                }
            };
            for text in texts {
                let _ = follower.send(text);
            }
        }
        count += 1;
        let taken = "queued messages: 1\r\nlast requested: 0 sec. ago\r\nlast message id: 1:0";
        if socket.send(Message::text(taken)).await.is_err() {
            return;
        }
    }
}

/// Runs a load of 20 messages against the server.
fn outcome(fault: Fault) -> anyhow::Result<()> {
    let keys = std::env::temp_dir().join(format!("fanout-{}-{fault:?}", std::process::id()));
    fs::create_dir_all(&keys).unwrap();
    let company = Company::new(&Keys::new(Clock::system()), (2, 2), 60);
    company.write(&keys).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let plan = Plan {
            address: listener.local_addr().unwrap(),
            keys: keys.clone(),
            ..plan()
        };
        spawn_local(serve(listener, fault));
        load(&plan, async { Ok(()) }).await
    });
    fs::remove_dir_all(keys).unwrap();
    result
}

fn plan() -> Plan {
    Plan {
        to: Peer::Nchan,
        address: ([127, 0, 0, 1], 1).into(),
        internal: None,
        keys: PathBuf::new(),
        rooms: 2,
        followers: 3,
        rate: 200,
        messages: 20,
    }
}

#[test]
fn the_rooms_get_the_messages_in_turn() {
    let plan = Plan {
        rooms: 3,
        messages: 8,
        ..plan()
    };
    let each: Vec<u32> = (0..3).map(|room| plan.messages_of(room)).collect();
    assert_eq!((each, plan.deliveries()), (vec![3, 3, 2], 24));
}

#[test]
fn a_load_that_everybody_got_passes() {
    outcome(Fault::Nothing).unwrap();
}

#[test]
fn a_server_that_is_at_fault_once_is_found_out() {
    for (fault, words) in [
        (Fault::Loses, "message 6 came instead of 5"),
        (Fault::Doubles, "message 5 came instead of 6"),
        (Fault::Swaps, "message 6 came instead of 5"),
        (Fault::Changes, "this was not sent"),
        (Fault::LetsIn, "should have been refused with 403"),
    ] {
        let error = outcome(fault).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains(words), "{fault:?}: {text}");
    }
}
