-- The keys that seal addresses and secrets, wrapped by a key that the database does not have.
CREATE TABLE auth.data_keys (
  id          uuid PRIMARY KEY,
  -- The workspace; the nil UUID is the fleet.
  scope       uuid NOT NULL,
  purpose     text NOT NULL CONSTRAINT data_keys_purpose CHECK (purpose IN ('seal', 'index')),
  wrapped     bytea NOT NULL,
  created_at  timestamptz NOT NULL,
  -- When a rotation made another key the current one; this one only opens since then.
  replaced_at timestamptz
);
CREATE UNIQUE INDEX data_keys_current ON auth.data_keys (scope, purpose) WHERE replaced_at IS NULL;
CREATE INDEX data_keys_by_scope ON auth.data_keys (scope);
