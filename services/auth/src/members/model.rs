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

    fn texts(permissions: &[&str]) -> Vec<String> {
        permissions.iter().map(|text| (*text).to_owned()).collect()
    }

    fn standing(role: Role, permissions: &[&str]) -> Standing {
        Standing {
            role,
            permissions: texts(permissions),
            email_verified: true,
        }
    }

    fn member(role: Role, permissions: &[&str]) -> Membership {
        Membership {
            role,
            role_id: None,
            permissions: texts(permissions),
        }
    }

    #[test]
    fn owners_are_the_owners_business_and_the_mightier_are_safe() {
        let all = ["contacts:read", "contacts:write", "members:write"];
        let owner = standing(Role::Owner, &all);
        let admin = standing(Role::Admin, &all);
        let recruiter = standing(Role::Custom, &["contacts:read", "members:write"]);
        assert!(may_touch(&owner, &member(Role::Owner, &all)).is_ok());
        assert!(matches!(
            may_touch(&admin, &member(Role::Owner, &all)),
            Err(Error::Access(access::Error::OwnersOnly))
        ));
        assert!(may_touch(&admin, &member(Role::Admin, &all)).is_ok());
        assert!(may_touch(&recruiter, &member(Role::Viewer, &["contacts:read"])).is_ok());
        assert!(matches!(
            may_touch(&recruiter, &member(Role::Admin, &all)),
            Err(Error::Mightier)
        ));
    }
}
