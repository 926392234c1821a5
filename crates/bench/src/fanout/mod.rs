//! The load of `fanout`: sockets follow rooms, messages come at a fixed rate, and each socket must get
//! each message of its room once and in order.
//!
//! It runs on one thread, so that the server has the other cores. Its own reading is part of the times
//! that it measures, for every server alike.

mod follower;
mod peer;
mod room;
mod sender;
mod socket;
#[cfg(test)]
mod tests;
mod text;

use std::{
    net::SocketAddr,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use ids::EventId;
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::{mpsc, watch},
    task::{JoinSet, LocalSet},
    time::{sleep, sleep_until, timeout},
};
use url::Url;

use self::{
    follower::{Follower, Tally},
    peer::{Peer, Task},
    room::Room,
    sender::Sender,
    socket::Line,
};
use crate::company::Company;

/// Sockets that are opened at a time.
const AT_ONCE: usize = 32;
/// What was sent must have come to everybody within this time after the last message.
const WITHIN: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 15 });
/// Then follows a while in which nothing may come any more, and in which a server ends what it does
/// behind the delivery.
const GRACE: Duration = Duration::from_secs(1);

/// Who is put under which load.
#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    /// What the server is.
    #[arg(long, value_enum)]
    to: Peer,
    /// Where it listens.
    #[arg(long)]
    address: SocketAddr,
    /// Chat's internal listener.
    #[arg(long)]
    internal: Option<Url>,
    /// The folder of the keys and tokens, as `bench keys` writes it.
    #[arg(long)]
    keys: PathBuf,
    /// How many rooms.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rooms: u32,
    /// How many sockets follow each room.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    followers: u32,
    /// Messages a second, over all rooms.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Messages altogether; the rooms get them in turn.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    messages: u32,
}

impl Plan {
    /// How many messages the room with this place gets.
    fn messages_of(&self, room: usize) -> u32 {
        let (each, more) = (self.messages / self.rooms, self.messages % self.rooms);
        each + u32::from(u32::try_from(room).is_ok_and(|room| room < more))
    }

    fn deliveries(&self) -> usize {
        self.messages as usize * self.followers as usize
    }
}

/// Everybody follows; the load waits for a line on its input before it sends.
#[derive(Serialize)]
struct Ready {
    /// Those who follow, and those who will send.
    sockets: usize,
}

/// What came of it.
#[derive(Serialize)]
struct Figures {
    deliveries: usize,
    /// From the first message until the last delivery.
    seconds: f64,
    /// From a message's sending to its delivery.
    p99_micros: u32,
}

/// Puts a server under load. Prints [`Ready`], waits for a line, and prints [`Figures`].
///
/// # Errors
/// When a follower did not get each message once and in order, or the server let somebody in whom it
/// should not.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, load(plan, told_to_go()))
}

/// Sends when `go` says so.
async fn load(plan: &Plan, go: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let company = Company::read(&plan.keys)?;
    let line = Line {
        peer: plan.to,
        address: plan.address,
    };
    let rooms = room::open(plan, &company)
        .await
        .context("opening the rooms")?;
    refusals(line, &company, rooms.first().context("no room")?).await?;
    // Tells this run's messages from those of earlier ones in the same rooms.
    let run = (EventId::new().as_uuid().as_u128() & u128::from(u32::MAX)) as u32;
    let tally = Rc::new(Tally::new(plan.deliveries()));
    let (end, over) = watch::channel(false);
    let mut sockets = JoinSet::new();
    let followers = rooms.len() * plan.followers as usize;
    {
        let (rooms, company, tally) = (&rooms, &company, &tally);
        let joining = (0..followers).map(move |index| async move {
            let room = &rooms[index % rooms.len()];
            let token = &company.people[index % company.people.len()];
            let opened = line.open(index, Task::Follow(room.name()), token).await?;
            anyhow::Ok(Follower::new(opened, room.clone(), run, tally.clone()))
        });
        let mut joining = stream::iter(joining).buffer_unordered(AT_ONCE);
        while let Some(follower) = joining.try_next().await? {
            sockets.spawn_local(follower.run(over.clone()));
        }
    }
    let mut senders = Vec::new();
    for room in rooms.iter().take(company.visitors_of(rooms.len())) {
        let (task, token) = (
            Task::Send(room.name()),
            &company.visitor_of(room.index).token,
        );
        let (socket, _) = line.open(followers + room.index, task, token).await?;
        let (wishes, wanted) = mpsc::unbounded_channel();
        sockets.spawn_local(Sender { socket, run }.run(wanted));
        senders.push(wishes);
    }
    ensure!(
        plan.to != Peer::Nchan || senders.len() == rooms.len(),
        "a socket of nchan sends into one room only"
    );
    say(&Ready {
        sockets: sockets.len(),
    })?;
    beside(&mut sockets, go).await?;
    let begun = Instant::now();
    let all = async {
        send(plan, &rooms, &senders, begun).await;
        let came = timeout(WITHIN, tally.all()).await;
        came.with_context(|| {
            format!(
                "{} deliveries did not come within {WITHIN:?}",
                tally.missing()
            )
        })?;
        sleep(GRACE).await;
        anyhow::Ok(())
    };
    beside(&mut sockets, all).await?;
    // Before the sockets close, so that their end is not counted.
    say(&Figures {
        deliveries: plan.deliveries(),
        seconds: (tally.last() - begun).as_secs_f64(),
        p99_micros: tally.p99_micros(),
    })?;
    drop(senders);
    end.send(true)?;
    while let Some(ended) = sockets.join_next().await {
        ended??;
    }
    Ok(())
}

/// Sends at the rate of the plan, whatever becomes of what was sent.
async fn send(
    plan: &Plan,
    rooms: &[Rc<Room>],
    senders: &[mpsc::UnboundedSender<Rc<Room>>],
    begun: Instant,
) {
    for message in 0..plan.messages {
        let due = Duration::from_secs_f64(f64::from(message) / f64::from(plan.rate));
        sleep_until((begun + due).into()).await;
        let room = &rooms[message as usize % rooms.len()];
        // A sender that has ended has told why.
        let _ = senders[room.index % senders.len()].send(room.clone());
    }
}

/// Nobody gets in by a token that was tampered with, and no stranger into a company's room.
async fn refusals(line: Line, company: &Company, room: &Room) -> anyhow::Result<()> {
    let (tampered, stranger) = line.peer.refusals();
    let person = company.people.first().context("nobody is there")?;
    let mut tries = vec![(line.peer.tampered(person), tampered)];
    tries.extend(stranger.map(|word| (company.stranger.clone(), word)));
    for (token, word) in tries {
        match line.open(0, Task::Follow(room.name()), &token).await {
            Ok(_) => bail!("somebody was let in who should have been refused with {word}"),
            Err(error) => {
                let text = format!("{error:#}");
                ensure!(text.contains(word), "not refused with {word}, but: {text}");
            }
        }
    }
    Ok(())
}

/// Waits for `work`. A socket that ends meanwhile has failed.
async fn beside<T>(
    sockets: &mut JoinSet<anyhow::Result<()>>,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        done = work => done,
        Some(ended) = sockets.join_next() => {
            ended??;
            bail!("a socket ended before its time")
        }
    }
}

async fn told_to_go() -> anyhow::Result<()> {
    let mut line = String::new();
    BufReader::new(tokio::io::stdin())
        .read_line(&mut line)
        .await?;
    ensure!(line.trim() == "go", "told to stop");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's output")]
fn say(what: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(what)?);
    Ok(())
}
