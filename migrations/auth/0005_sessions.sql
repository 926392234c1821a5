-- Sessions of programs beside those of people and visitors, and where a sign-in came from.
ALTER TABLE auth.sessions
  DROP CONSTRAINT sessions_of_somebody,
  ADD CONSTRAINT sessions_of_somebody CHECK (
    CASE
      WHEN user_id IS NOT NULL THEN visitor_id IS NULL AND key_id IS NULL
      -- A visitor came by a publishable key; a secret key alone is a program.
      ELSE key_id IS NOT NULL
    END),
  ADD COLUMN address text,
  -- How the person proved who they are: password, totp, passkey, issuer.
  ADD COLUMN methods text[] NOT NULL DEFAULT '{}';
CREATE INDEX sessions_live_of_user ON auth.sessions (user_id) WHERE user_id IS NOT NULL AND revoked_at IS NULL;
