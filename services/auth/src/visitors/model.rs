//! Which visitor somebody is who proved who they are.

use ids::VisitorId;

/// The visitor of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) visitor: VisitorId,
    /// Whether they proved once who they are.
    pub(super) identified: bool,
}

/// Which visitor it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// The one who is known to be this person.
    Known(VisitorId),
    /// The one of the secret, who was anonymous and is this person from now on.
    Identify(VisitorId),
    /// Somebody new.
    Create(VisitorId),
}

impl Plan {
    /// `known` is who this person is known to be, `holder` who has the secret that came along. The
    /// secret of another person does not count: two people may share a browser.
    pub(super) fn of(known: Option<VisitorId>, holder: Option<Holder>) -> Self {
        match (known, holder) {
            (Some(known), _) => Self::Known(known),
            (None, Some(holder)) if !holder.identified => Self::Identify(holder.visitor),
            (None, _) => Self::Create(VisitorId::new()),
        }
    }

    /// Who it is to be.
    pub(super) const fn visitor(&self) -> VisitorId {
        match self {
            Self::Known(visitor) | Self::Identify(visitor) | Self::Create(visitor) => *visitor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_one_visitor_and_an_anonymous_one_becomes_them_once() {
        let (known, other) = (VisitorId::new(), VisitorId::new());
        let holder = |identified| {
            Some(Holder {
                visitor: other,
                identified,
            })
        };
        for holder in [None, holder(false), holder(true)] {
            assert_eq!(Plan::of(Some(known), holder), Plan::Known(known));
        }
        assert_eq!(Plan::of(None, holder(false)), Plan::Identify(other));
        for holder in [None, holder(true)] {
            let plan = Plan::of(None, holder);
            assert!(
                matches!(plan, Plan::Create(visitor) if visitor != other),
                "{plan:?}"
            );
        }
    }
}
