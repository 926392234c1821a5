//! What clients tell that is in no log: typing, reading, looking, and watching the inbox.

use chat_api::socket::ServerFrame;
use common::{
    ErrorCode, Problem,
    tokens::{Participant, Permission},
};
use ids::ChannelId;

use super::{
    follow::Follow,
    work::{About, Work, invalid},
};
use crate::{access::Standing, hub::Viewing};

impl Work {
    /// Tells whether somebody types.
    pub(super) fn typing(&mut self, channel: ChannelId, on: bool) {
        let told = self.hint(channel, |follow| {
            Ok(ServerFrame::Typing {
                channel,
                sender: follow.standing.sender(),
                on,
            })
        });
        if told {
            // Whoever types looks.
            let how = if on { Viewing::Typing } else { Viewing::On };
            self.look(channel, how);
        }
    }

    /// Tells how far somebody has read, and keeps it.
    pub(super) fn read(&mut self, channel: ChannelId, seq: i64) {
        let told = self.hint(channel, |follow| {
            let head = follow.member.room.head().unwrap_or_default();
            if !(1..=head).contains(&seq) {
                return Err(invalid(format!(
                    "seq is {seq}, and the log goes from 1 to {head}"
                )));
            }
            Ok(ServerFrame::Read {
                channel,
                sender: follow.standing.sender(),
                seq,
            })
        });
        if told && let Some(follow) = self.follows.get(&channel) {
            let reader = follow.standing.reader();
            self.app.inbox.read(follow.member.room.place, reader, seq);
        }
    }

    /// Tells whether somebody looks.
    pub(super) fn viewing(&mut self, channel: ChannelId, on: bool) {
        let how = if on { Viewing::On } else { Viewing::Off };
        let problem = match self.follows.get(&channel) {
            None => Problem::not_found().detail("subscribe to the channel first"),
            Some(follow) if follow.standing.is_customer() => Problem::new(ErrorCode::Forbidden)
                .detail("only people of the company tell that they look"),
            Some(_) => return self.look(channel, how),
        };
        self.refuse(
            &problem,
            About {
                channel: Some(channel),
                client_id: None,
            },
        );
    }

    /// Tells the others of the company that this person looks, if it is one.
    fn look(&self, channel: ChannelId, how: Viewing) {
        if let Some(follow) = self.follows.get(&channel)
            && let Standing::Colleague(user) = follow.standing
        {
            let room = &follow.member.room;
            self.app.hub.viewing(room, self.socket, user, how);
        }
    }

    /// Begins to send the inbox, or ends it.
    pub(super) fn watch_inbox(&mut self, on: bool) {
        self.inbox = None;
        if !on {
            return;
        }
        let allowed =
            match &self.who {
                Participant::Visitor(_) => Err(Problem::new(ErrorCode::Forbidden)
                    .detail("the inbox is for people of the company")),
                Participant::Person(caller) => caller
                    .require(Permission::ConversationsRead)
                    .map(|()| (caller.workspace_id, caller.user_id)),
            };
        match allowed {
            Ok((workspace, user)) => {
                let (inbox, outbox) = (&self.app.inbox, self.outbox.clone());
                self.inbox = Some(inbox.watch(workspace, user, self.socket, outbox));
            }
            Err(problem) => self.refuse(&problem, About::default()),
        }
    }

    /// Tells the others in a channel that this client follows; answers whether it did.
    fn hint(
        &mut self,
        channel: ChannelId,
        frame: impl FnOnce(&Follow) -> Result<ServerFrame, Problem>,
    ) -> bool {
        let result = match self.follows.get(&channel) {
            // Whoever only looks is not seen typing.
            Some(follow) => follow
                .standing
                .writer(&self.who)
                .and_then(|_| Ok((frame(follow)?, follow))),
            None => Err(Problem::not_found().detail("subscribe to the channel first")),
        };
        match result {
            Ok((frame, follow)) => {
                let room = &follow.member.room;
                self.app.hub.hint(room, &frame, self.socket);
                true
            }
            Err(problem) => {
                self.refuse(
                    &problem,
                    About {
                        channel: Some(channel),
                        client_id: None,
                    },
                );
                false
            }
        }
    }
}
