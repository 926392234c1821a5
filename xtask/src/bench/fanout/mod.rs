//! `fanout`: what it costs to bring a message to everybody in a room.

mod load;
mod servers;

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::load::{Crowd, Load, Target};
use self::servers::Servers;
use super::Bench;
use super::contest::{self, Comparison, Contestant, Entry, Figure, Goal, Limit, Plan, Sample};
use super::ground::Ground;
use super::server::Server;
use super::upstream::{self, Port, Upstream};
use super::usage;
use crate::supervise::Supervisor;
use crate::{infra, run};

const CHAT_ONE: &str = "chat, 1 × 1000";
const CENTRIFUGE_ONE: &str = "centrifuge, 1 × 1000";
const NCHAN_ONE: &str = "nchan, 1 × 1000";
const CHAT_MANY: &str = "chat, 50 × 10";
const CENTRIFUGE_MANY: &str = "centrifuge, 50 × 10";
const NCHAN_MANY: &str = "nchan, 50 × 10";
const CHAT_IDLE: &str = "chat, idle";
const CENTRIFUGE_IDLE: &str = "centrifuge, idle";

pub(super) const BENCH: Bench = Bench {
    name: "fanout",
    about: "Messages of 150 bytes at a fixed rate into one room with 1000 followers (20 a second) and into 50 \
        rooms with 10 each (200 a second), by the socket of a visitor; an operation is the delivery to one \
        follower. And what 10,050 idle sockets take. Each follower must get each message once and in order. \
        Chat keeps history in MongoDB, tells the other services, and lets in whoever may see the room; its \
        stores share the machine. centrifuge keeps history in memory and checks the same tokens; nchan keeps \
        history in memory and checks none.",
    programs: &["bench", "chat"],
    needs: &[upstream::NGINX],
    timed: true,
    comparisons: &[
        against(Figure::Cpu, (CHAT_ONE, CENTRIFUGE_ONE), GOAL),
        against(Figure::Cpu, (CHAT_MANY, CENTRIFUGE_MANY), GOAL),
        against(Figure::Cpu, (CHAT_ONE, NCHAN_ONE), None),
        against(Figure::Cpu, (CHAT_MANY, NCHAN_MANY), None),
        against(Figure::P99, (CHAT_ONE, CENTRIFUGE_ONE), None),
        against(Figure::P99, (CHAT_MANY, CENTRIFUGE_MANY), None),
        against(Figure::SocketMemory, (CHAT_IDLE, CENTRIFUGE_IDLE), None),
    ],
    limits: &[Limit {
        figure: Figure::SocketMemory,
        of: CHAT_IDLE,
        goal: Goal::AtMost(16.0),
    }],
    optional: &[NCHAN_ONE, NCHAN_MANY],
    run,
};

const GOAL: Option<Goal> = Some(Goal::AtMost(0.75));

const fn against(
    figure: Figure,
    (ours, theirs): (&'static str, &'static str),
    goal: Option<Goal>,
) -> Comparison {
    Comparison {
        figure,
        ours,
        theirs,
        goal,
    }
}

const ONE: Crowd = Crowd {
    rooms: 1,
    followers: 1000,
    rate: 20,
};
const MANY: Crowd = Crowd {
    rooms: 50,
    followers: 10,
    rate: 200,
};
/// Each room gets one message at the end, so that nobody counts who has fallen asleep.
const IDLE: Crowd = Crowd {
    rooms: 1000,
    followers: 10,
    rate: 100,
};
/// What lies in a server before the idle sockets come: the code that has run once, and its first memory.
const FIRST: Crowd = Crowd {
    rooms: 50,
    followers: 4,
    rate: 100,
};
/// People with a token each; they have several sockets where there are more of those.
const COLLEAGUES: u32 = 1000;
/// Files that one process opens at most: a socket is one.
const FILES: u64 = 11_000;
/// Idle sockets are left alone for so long before their memory is looked at.
const SETTLE: Duration = Duration::from_secs(3);
/// The stores and the bus, as the supervisor names them.
const STORES: [&str; 4] = ["postgres", "mongo", "redis", "rabbitmq"];
/// The peers work alone.
const NO_STORES: &[i32] = &[];

fn run(ground: &Ground<'_>, plan: Plan) -> Result<Vec<Entry>> {
    allow_files()?;
    infra::ensure(ground.workspace, ground.instance)?;
    let entries = compete(ground, plan);
    // Other benches shall not measure beside a broker and four stores.
    run::uninterruptible(|| infra::stop(ground.instance))?;
    entries
}

/// What we start may open as many files as it needs.
fn allow_files() -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Some(most) = maximum.filter(|most| *most < FILES) {
        bail!("a process may open {most} files here, and {FILES} are needed: raise `ulimit -Hn`");
    }
    if current.is_some_and(|now| now < FILES) {
        let raised = Rlimit {
            current: maximum,
            maximum,
        };
        setrlimit(Resource::Nofile, raised).context("raising the limit of open files")?;
    }
    Ok(())
}

fn compete(ground: &Ground<'_>, plan: Plan) -> Result<Vec<Entry>> {
    let upstream = Upstream::with_company(ground, (COLLEAGUES, IDLE.rooms))?;
    let servers = Servers::prepare(&upstream)?;
    let stores = stores(ground)?;
    let chat = servers.chat("chat", Port::Chat)?;
    let centrifuge = servers.centrifuge("centrifuge", Port::Centrifuge)?;
    let nchan = servers.nchan()?;
    let fans = |name, crowd, (server, target), (about, stores)| Fans {
        ground,
        name,
        about,
        server,
        target,
        crowd,
        stores,
    };
    let to_chat = (&chat, servers.to_chat(Port::Chat));
    let about_chat = ("our service, one instance", stores.as_slice());
    let to_centrifuge = (&centrifuge, servers.to_centrifuge(Port::Centrifuge));
    let about_centrifuge = (
        "a server of a hundred lines on the Go library centrifuge v0.40.1",
        NO_STORES,
    );
    let about_nchan = ("nginx with Debian's module nchan", NO_STORES);
    let mut contestants: Vec<Box<dyn Contestant + '_>> = Vec::new();
    for (crowd, ours, theirs, others) in [
        (ONE, CHAT_ONE, CENTRIFUGE_ONE, NCHAN_ONE),
        (MANY, CHAT_MANY, CENTRIFUGE_MANY, NCHAN_MANY),
    ] {
        contestants.push(Box::new(fans(ours, crowd, to_chat, about_chat)));
        contestants.push(Box::new(fans(
            theirs,
            crowd,
            to_centrifuge,
            about_centrifuge,
        )));
        if let Some(nchan) = &nchan {
            let target = (nchan, servers.to_nchan());
            contestants.push(Box::new(fans(others, crowd, target, about_nchan)));
        }
    }
    contestants.push(Box::new(Idle {
        ground,
        name: CHAT_IDLE,
        about: "10,000 sockets that follow 1000 rooms, and 50 that follow none, in a new process",
        start: Box::new(|| servers.chat("chat-idle", Port::IdleChat)),
        target: servers.to_chat(Port::IdleChat),
    }));
    contestants.push(Box::new(Idle {
        ground,
        name: CENTRIFUGE_IDLE,
        about: "the same sockets",
        start: Box::new(|| servers.centrifuge("centrifuge-idle", Port::IdleCentrifuge)),
        target: servers.to_centrifuge(Port::IdleCentrifuge),
    }));
    contest::run(&mut contestants, plan)
}

/// The processes of the stores.
fn stores(ground: &Ground<'_>) -> Result<Vec<i32>> {
    let states = Supervisor::infra(ground.instance).states()?;
    let pid = |name: &str| states.get(name).map(|state| state.pid);
    STORES
        .into_iter()
        .map(|name| pid(name).with_context(|| format!("{name} does not run")))
        .collect()
}

/// A server with followers in its rooms.
struct Fans<'a> {
    ground: &'a Ground<'a>,
    name: &'static str,
    about: &'static str,
    server: &'a Server,
    target: Target<'a>,
    crowd: Crowd,
    /// The processes that work for it.
    stores: &'a [i32],
}

impl Fans<'_> {
    fn stores_micros(&self) -> Result<f64> {
        self.stores.iter().map(|pid| usage::cpu_micros(*pid)).sum()
    }
}

impl Contestant for Fans<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    /// The load checks every delivery, and before that two refusals.
    fn check(&mut self) -> Result<()> {
        Ok(())
    }

    fn measure(&mut self, time: Duration) -> Result<Sample> {
        let messages = self.crowd.rate * u32::try_from(time.as_secs().max(1))?;
        let pid = self.server.pid();
        let mut load = Load::start(self.ground, &self.target, self.crowd, messages)?;
        let (before, stores) = (usage::cpu_micros(pid)?, self.stores_micros()?);
        let figures = load.go()?;
        let used = usage::cpu_micros(pid)? - before;
        let stores = self.stores_micros()? - stores;
        let memory = usage::pss_kib(pid)?;
        load.end()?;
        let deliveries = figures.deliveries as f64;
        let mut sample = Sample {
            operations: figures.deliveries,
            per_second: Some(deliveries / figures.seconds),
            cpu_micros: Some(used / deliveries),
            p99_micros: Some(figures.p99_micros),
            pss_kib: Some(memory),
            ..Sample::default()
        };
        if !self.stores.is_empty() {
            sample.more.insert(Figure::Stores, stores / deliveries);
        }
        Ok(sample)
    }
}

/// A server with sockets that say nothing, started anew each time: what one that ran before keeps of its
/// memory would count for nothing.
struct Idle<'a> {
    ground: &'a Ground<'a>,
    name: &'static str,
    about: &'static str,
    start: Box<dyn Fn() -> Result<Server> + 'a>,
    target: Target<'a>,
}

impl Contestant for Idle<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn check(&mut self) -> Result<()> {
        Ok(())
    }

    fn measure(&mut self, _: Duration) -> Result<Sample> {
        let server = (self.start)()?;
        let mut first = Load::start(self.ground, &self.target, FIRST, FIRST.rooms)?;
        first.go()?;
        first.end()?;
        run::pause(SETTLE)?;
        let empty = usage::pss_kib(server.pid())?;
        let mut load = Load::start(self.ground, &self.target, IDLE, IDLE.rooms)?;
        run::pause(SETTLE)?;
        let full = usage::pss_kib(server.pid())?;
        load.go()?;
        let sockets = load.sockets;
        load.end()?;
        let mut sample = Sample {
            operations: sockets,
            pss_kib: Some(full),
            ..Sample::default()
        };
        let each = full.saturating_sub(empty) as f64 / sockets as f64;
        sample.more.insert(Figure::SocketMemory, each);
        Ok(sample)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::place::Workspace;

    #[test]
    fn the_peer_is_the_version_that_its_description_names() {
        let module = Workspace::find().unwrap().root;
        let module = module.join("bench/peers/centrifuge/go.mod");
        let text = fs::read_to_string(module).unwrap();
        assert!(text.contains("github.com/centrifugal/centrifuge v0.40.1\n"));
    }

    #[test]
    fn all_sockets_fit_into_the_files_that_are_asked_for() {
        for Crowd {
            rooms, followers, ..
        } in [ONE, MANY, IDLE, FIRST]
        {
            assert!(u64::from(rooms * followers) + 500 < FILES);
            assert!(rooms <= IDLE.rooms);
        }
    }
}
