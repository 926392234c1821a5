-- The keys that seal what people write, wrapped by a key that the database does not have; and answers to
-- repeated requests (crates/vault, crates/rest).

CREATE TABLE chat.data_keys (
  id          uuid PRIMARY KEY,
  -- The workspace; the nil UUID is the fleet.
  scope       uuid NOT NULL,
  purpose     text NOT NULL CONSTRAINT data_keys_purpose CHECK (purpose IN ('seal', 'index')),
  wrapped     bytea NOT NULL,
  created_at  timestamptz NOT NULL,
  -- When a rotation made another key the current one; this one only opens since then.
  replaced_at timestamptz
);
CREATE UNIQUE INDEX data_keys_current ON chat.data_keys (scope, purpose) WHERE replaced_at IS NULL;
CREATE INDEX data_keys_by_scope ON chat.data_keys (scope);

CREATE TABLE chat.idempotency_keys (
  workspace_id uuid NOT NULL,
  caller       uuid NOT NULL,
  route        text NOT NULL,
  key          text NOT NULL,
  request_hash bytea NOT NULL,
  status       smallint,
  body         jsonb,
  version      bigint,
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, caller, route, key)
);
CREATE INDEX idempotency_keys_by_age ON chat.idempotency_keys (created_at);
