-- Secret keys of programs, and visitors who prove who they are.

ALTER TABLE auth.keys
  DROP CONSTRAINT keys_kind,
  ALTER COLUMN agent_id DROP NOT NULL,
  ADD COLUMN scopes text[] NOT NULL DEFAULT '{}',
  ADD COLUMN expires_at timestamptz,
  ADD CONSTRAINT keys_kind CHECK (
    CASE kind
      WHEN 'publishable' THEN agent_id IS NOT NULL AND scopes = '{}' AND expires_at IS NULL
      WHEN 'secret' THEN agent_id IS NULL AND allowed_origins = '{}' AND scopes <> '{}'
      ELSE false
    END);
-- A secret key has one session at a time; tokens that were exchanged for the key name it.
CREATE UNIQUE INDEX sessions_program_live ON auth.sessions (workspace_id, key_id)
  WHERE user_id IS NULL AND visitor_id IS NULL AND revoked_at IS NULL;

-- The secret that a workspace's own server signs visitors' identities with, sealed.
ALTER TABLE auth.workspaces
  ADD COLUMN identity_secret bytea,
  ADD COLUMN enforce_identity boolean NOT NULL DEFAULT false;

-- An identified visitor is the same on every device: the index finds the company's id of the person.
-- What the company tells of them is sealed.
ALTER TABLE auth.visitors
  ADD COLUMN external_index bytea,
  ADD COLUMN identity_sealed bytea,
  ADD CONSTRAINT visitors_external_unique UNIQUE (workspace_id, external_index),
  ADD CONSTRAINT visitors_identity CHECK ((external_index IS NULL) = (identity_sealed IS NULL));

-- Each device of a visitor has a secret of its own.
CREATE TABLE auth.visitor_secrets (
  hash         bytea PRIMARY KEY,
  workspace_id uuid NOT NULL,
  visitor_id   uuid NOT NULL,
  created_at   timestamptz NOT NULL,
  FOREIGN KEY (workspace_id, visitor_id) REFERENCES auth.visitors (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX visitor_secrets_by_visitor ON auth.visitor_secrets (workspace_id, visitor_id, created_at);
INSERT INTO auth.visitor_secrets (hash, workspace_id, visitor_id, created_at)
SELECT secret_hash, workspace_id, id, created_at FROM auth.visitors;
-- Nothing reads it any more. Replicas of the version before still write it while they are replaced; a
-- later migration drops it.
ALTER TABLE auth.visitors ALTER COLUMN secret_hash DROP NOT NULL;
