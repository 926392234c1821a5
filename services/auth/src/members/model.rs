//! The rules of members.

use common::tokens::Role;

use super::{Error, Membership};
use crate::access::{self, Standing};

/// Lets pass whoever may change a member's role or remove them: owners are the owners' business, and
/// nobody touches somebody who may do more.
pub(super) fn may_touch(standing: &Standing, member: &Membership) -> Result<(), Error> {
    if member.role == Role::Owner && standing.role != Role::Owner {
        return Err(access::Error::OwnersOnly.into());
    }
    if standing.lacks(&member.permissions).is_empty() {
        Ok(())
    } else {
        Err(Error::Mightier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_the_owners_business_and_the_mightier_are_safe() {
        let all = ["contacts:read", "contacts:write", "members:write"];
        let owner = Standing::of(Role::Owner, &all);
        let admin = Standing::of(Role::Admin, &all);
        let recruiter = Standing::of(Role::Custom, &["contacts:read", "members:write"]);
        assert!(may_touch(&owner, &Membership::of(Role::Owner, &all)).is_ok());
        assert!(matches!(
            may_touch(&admin, &Membership::of(Role::Owner, &all)),
            Err(Error::Access(access::Error::OwnersOnly))
        ));
        assert!(may_touch(&admin, &Membership::of(Role::Admin, &all)).is_ok());
        assert!(
            may_touch(
                &recruiter,
                &Membership::of(Role::Viewer, &["contacts:read"])
            )
            .is_ok()
        );
        assert!(matches!(
            may_touch(&recruiter, &Membership::of(Role::Admin, &all)),
            Err(Error::Mightier)
        ));
    }
}
