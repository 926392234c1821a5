//! A company and its visitors: who talks and who listens in `fanout`.

use std::{fs, path::Path};

use anyhow::Context;
use common::tokens::{Claims, Role};
use ids::{AgentId, ChannelId, UserId, VisitorId, WorkspaceId};
use serde::{Deserialize, Serialize};
use testkit::Keys;

/// The file of a run's folder that has it.
const FILE: &str = "company.json";
/// Visitors; each has its share of the rooms.
const VISITORS: usize = 50;

/// One workspace, its rooms, and the tokens of those who are in them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Company {
    pub(crate) workspace: WorkspaceId,
    /// Access tokens of people who may read every room.
    pub(crate) people: Vec<String>,
    visitors: Vec<Visitor>,
    pub(crate) rooms: Vec<ChannelId>,
    /// The access token of a person in another workspace.
    pub(crate) stranger: String,
}

/// Somebody whose rooms they are.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Visitor {
    pub(crate) id: VisitorId,
    pub(crate) agent: AgentId,
    pub(crate) token: String,
}

impl Company {
    /// A new one. Tokens are good for `seconds`.
    pub(crate) fn new(keys: &Keys, (people, rooms): (usize, usize), seconds: i64) -> Self {
        let workspace = WorkspaceId::new();
        let lasting = |mut claims: Claims| {
            claims.exp = claims.iat + seconds;
            keys.sign(&claims)
        };
        let person = |workspace| lasting(keys.person_claims(workspace, UserId::new(), Role::Owner));
        let agent = AgentId::new();
        let visitor = || {
            let id = VisitorId::new();
            let token = lasting(keys.visitor_claims(workspace, id, agent));
            Visitor { id, agent, token }
        };
        Self {
            workspace,
            people: (0..people).map(|_| person(workspace)).collect(),
            visitors: (0..VISITORS).map(|_| visitor()).collect(),
            rooms: (0..rooms).map(|_| ChannelId::new()).collect(),
            stranger: person(WorkspaceId::new()),
        }
    }

    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(FILE);
        fs::write(&path, serde_json::to_vec(self)?).with_context(|| path.display().to_string())
    }

    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let text = fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Whose room it is, by its place among the rooms.
    pub(crate) fn visitor_of(&self, room: usize) -> &Visitor {
        &self.visitors[room % self.visitors.len()]
    }

    /// How many visitors have the first `rooms` rooms between them.
    pub(crate) fn visitors_of(&self, rooms: usize) -> usize {
        rooms.min(self.visitors.len())
    }
}

#[cfg(test)]
mod tests {
    use clock::Clock;

    use super::*;

    #[test]
    fn the_rooms_are_shared_out_among_the_visitors() {
        let company = Company::new(&Keys::new(Clock::system()), (2, 120), 60);
        assert_eq!((company.people.len(), company.rooms.len()), (2, 120));
        assert_eq!(company.visitors_of(1), 1);
        assert_eq!(company.visitors_of(120), VISITORS);
        assert_eq!(
            company.visitor_of(VISITORS + 3).id,
            company.visitor_of(3).id
        );
        assert_ne!(company.visitor_of(2).id, company.visitor_of(3).id);
    }
}
