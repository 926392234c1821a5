-- Accounts whose e-mail addresses are sealed, links that are sent by mail, and the mail itself.

-- The address is sealed by the service; the index finds it again. `auth migrate` seals what is left in
-- `email` and empties it.
ALTER TABLE auth.users
  ALTER COLUMN email DROP NOT NULL,
  ALTER COLUMN email_key DROP NOT NULL,
  -- Who signs in by an identity provider or a passkey only has none.
  ALTER COLUMN password_hash DROP NOT NULL,
  ADD COLUMN email_sealed bytea,
  ADD COLUMN email_index bytea CONSTRAINT users_email_index_unique UNIQUE,
  ADD COLUMN deleted_at timestamptz,
  ADD CONSTRAINT users_email_sealed CHECK ((email_sealed IS NULL) = (email_index IS NULL)),
  ADD CONSTRAINT users_have_an_address
    CHECK (num_nonnulls(email, email_sealed) = (CASE WHEN deleted_at IS NULL THEN 1 ELSE 0 END));
-- Nothing could be sent before this, so nobody could prove an address: those who are here may go on.
UPDATE auth.users SET email_verified_at = created_at WHERE email_verified_at IS NULL;
CREATE INDEX users_unsealed ON auth.users (id) WHERE email IS NOT NULL;
CREATE INDEX users_deleted ON auth.users (deleted_at) WHERE deleted_at IS NOT NULL;

ALTER TABLE auth.workspaces ADD COLUMN deleted_at timestamptz;
CREATE INDEX workspaces_deleted ON auth.workspaces (deleted_at) WHERE deleted_at IS NOT NULL;

-- Single use: links sent by mail, and the halves of an exchange that has two. Found by the hash of
-- their secret, gone when they are used.
CREATE TABLE auth.tickets (
  hash       bytea PRIMARY KEY,
  purpose    text NOT NULL,
  user_id    uuid REFERENCES auth.users (id) ON DELETE CASCADE,
  -- What the second half needs to know.
  sealed     bytea NOT NULL,
  tries_left smallint NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX tickets_by_user ON auth.tickets (user_id, purpose);
CREATE INDEX tickets_by_end ON auth.tickets (expires_at);

-- Letters that are not sent yet.
CREATE TABLE auth.letters (
  id         uuid PRIMARY KEY,
  sealed     bytea NOT NULL,
  tries      smallint NOT NULL DEFAULT 0,
  next_at    timestamptz NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX letters_due ON auth.letters (next_at);
