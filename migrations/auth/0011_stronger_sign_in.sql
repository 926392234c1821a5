-- How long people stay signed in, how they must sign in, and which providers know them.

ALTER TABLE auth.sessions
  -- When the person proved who they are, if that was in another workspace, which they came from.
  ADD COLUMN began_at timestamptz;

-- Whether members must have a second factor.
ALTER TABLE auth.workspaces ADD COLUMN require_second_factor boolean NOT NULL DEFAULT false;

-- A person sees their own in all workspaces.
CREATE INDEX identities_of_user ON auth.identities (user_id);
