CREATE TABLE crm.data_keys (
  id          uuid PRIMARY KEY,
  scope       uuid NOT NULL,
  purpose     text NOT NULL CONSTRAINT data_keys_purpose CHECK (purpose IN ('seal', 'index')),
  wrapped     bytea NOT NULL,
  created_at  timestamptz NOT NULL,
  replaced_at timestamptz
);
CREATE UNIQUE INDEX data_keys_current ON crm.data_keys (scope, purpose) WHERE replaced_at IS NULL;
CREATE INDEX data_keys_by_scope ON crm.data_keys (scope);

CREATE TABLE crm.people (
  id           uuid PRIMARY KEY,
  email_sealed bytea NOT NULL,
  email_index  bytea NOT NULL UNIQUE
);
