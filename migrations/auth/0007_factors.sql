-- How people prove who they are beyond a password. People stand outside the workspaces, and so does this.

-- An authenticator app (RFC 6238), written once a code has shown that it is set up.
CREATE TABLE auth.totp (
  user_id    uuid PRIMARY KEY REFERENCES auth.users (id) ON DELETE CASCADE,
  -- Sealed under the fleet's key.
  secret     bytea NOT NULL,
  -- The step of the last code that was taken: a code is good once, and none before it (RFC 6238 §5.2).
  last_step  bigint NOT NULL,
  created_at timestamptz NOT NULL
);

-- What signs in when the app is lost. A code that was used is gone.
CREATE TABLE auth.recovery_codes (
  user_id  uuid NOT NULL REFERENCES auth.totp (user_id) ON DELETE CASCADE,
  position smallint NOT NULL,
  -- A code has 50 bits, so it is hashed as passwords are.
  hash     text NOT NULL,
  PRIMARY KEY (user_id, position)
);

CREATE TABLE auth.passkeys (
  id            uuid PRIMARY KEY,
  user_id       uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
  -- What the authenticator calls it; no two people have the same.
  credential_id bytea NOT NULL CONSTRAINT passkeys_credential_unique UNIQUE,
  -- The public key, the counter and the flags, as webauthn-rs keeps them.
  credential    jsonb NOT NULL,
  name          text NOT NULL,
  created_at    timestamptz NOT NULL,
  last_used_at  timestamptz
);
CREATE INDEX passkeys_by_user ON auth.passkeys (user_id, id);
