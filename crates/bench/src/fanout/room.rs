//! A room of a run, and its opening at the server.

use std::{cell::RefCell, rc::Rc, time::Instant};

use anyhow::Context;
use chat_api::{ChatClient, OpenChannel};
use clock::Clock;
use common::tokens::ServiceSigner;
use futures::{StreamExt, TryStreamExt, stream};
use rest::ServiceClient;

use super::{
    Plan,
    peer::{Name, Peer},
};
use crate::company::Company;

/// Rooms that are opened at a time.
const AT_ONCE: usize = 16;

/// A room, and what was sent into it.
#[derive(Debug)]
pub(super) struct Room {
    /// As the server names it.
    pub(super) id: String,
    /// Its place among the company's.
    pub(super) index: usize,
    /// The place of its last entry before the run, where the server tells it then.
    pub(super) head: Option<i64>,
    /// How many messages it gets.
    pub(super) planned: u32,
    /// When each was sent, by its number.
    sent: RefCell<Vec<Instant>>,
}

impl Room {
    /// Notes that the next message is sent now; its number.
    pub(super) fn send(&self) -> u32 {
        let mut sent = self.sent.borrow_mut();
        sent.push(Instant::now());
        u32::try_from(sent.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn sent_at(&self, number: u32) -> Option<Instant> {
        self.sent
            .borrow()
            .get(usize::try_from(number).ok()?)
            .copied()
    }

    pub(super) fn name(&self) -> Name<'_> {
        Name {
            id: &self.id,
            head: self.head.unwrap_or_default(),
        }
    }
}

/// Opens the rooms of the plan. Those of the peers come into being by being followed.
///
/// # Errors
/// When chat does not open one.
pub(super) async fn open(plan: &Plan, company: &Company) -> anyhow::Result<Vec<Rc<Room>>> {
    let chat = match plan.to {
        Peer::Chat => Some(client(plan)?),
        Peer::Centrifuge | Peer::Nchan => None,
    };
    let opening = (0..plan.rooms as usize).map(|index| one(plan, company, chat.as_ref(), index));
    stream::iter(opening).buffered(AT_ONCE).try_collect().await
}

async fn one(
    plan: &Plan,
    company: &Company,
    chat: Option<&ChatClient>,
    index: usize,
) -> anyhow::Result<Rc<Room>> {
    let channel = company.rooms.get(index).context("too few rooms")?;
    let visitor = company.visitor_of(index);
    let (id, head) = match chat {
        Some(chat) => {
            let wanted = OpenChannel {
                workspace_id: company.workspace,
                agent_id: visitor.agent,
                visitor_id: visitor.id,
            };
            let opened = chat.open(*channel, &wanted).await?;
            (channel.to_string(), Some(opened.channel.head_seq))
        }
        None => (format!("{}:{channel}", company.workspace), None),
    };
    let planned = plan.messages_of(index);
    Ok(Rc::new(Room {
        id,
        index,
        head,
        planned,
        sent: RefCell::default(),
    }))
}

/// Rooms are opened by the agent service, so that is who asks.
fn client(plan: &Plan) -> anyhow::Result<ChatClient> {
    let url = plan
        .internal
        .clone()
        .context("chat's rooms are opened at its internal listener: --internal")?;
    let key = plan.keys.join("agent.pem");
    let signer = ServiceSigner::read("agent", &key, Clock::system())?;
    Ok(ChatClient::new(ServiceClient::new("chat", url, signer)?))
}
