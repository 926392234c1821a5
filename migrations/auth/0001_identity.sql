-- Who may do what: workspaces and their people, sessions and their refresh tokens, publishable keys
-- and the visitors that they let in.

CREATE TABLE auth.workspaces (
  id         uuid PRIMARY KEY,
  name       text NOT NULL,
  created_at timestamptz NOT NULL
);

-- People stand outside the workspaces: memberships join them.
CREATE TABLE auth.users (
  id                uuid PRIMARY KEY,
  -- As it was written, for mail and for showing.
  email             text NOT NULL,
  -- In lower case, by the service: what PostgreSQL's lower() does depends on the server's locale.
  email_key         text COLLATE "C" NOT NULL CONSTRAINT users_email_key_unique UNIQUE,
  password_hash     text NOT NULL,
  name              text NOT NULL,
  email_verified_at timestamptz,
  created_at        timestamptz NOT NULL
);

CREATE TABLE auth.memberships (
  workspace_id uuid NOT NULL REFERENCES auth.workspaces (id) ON DELETE CASCADE,
  user_id      uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
  role         text NOT NULL
    CONSTRAINT memberships_role CHECK (role IN ('owner', 'admin', 'supervisor', 'agent', 'viewer')),
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX memberships_by_user ON auth.memberships (user_id, created_at);

-- What each role may do. Tokens carry it, so a change reaches everybody within ten minutes.
CREATE TABLE auth.permissions (
  role       text NOT NULL,
  permission text COLLATE "C" NOT NULL,
  PRIMARY KEY (role, permission)
);
INSERT INTO auth.permissions (role, permission)
SELECT role, permission
FROM unnest(ARRAY['owner', 'admin']) AS role,
     unnest(ARRAY['agents:read', 'agents:write', 'contacts:read', 'contacts:write',
                  'conversations:read', 'conversations:write', 'analytics:read',
                  'keys:read', 'keys:write']) AS permission;
INSERT INTO auth.permissions (role, permission) VALUES
  ('supervisor', 'agents:read'),
  ('supervisor', 'contacts:read'),
  ('supervisor', 'contacts:write'),
  ('supervisor', 'conversations:read'),
  ('supervisor', 'conversations:write'),
  ('supervisor', 'analytics:read'),
  ('agent', 'agents:read'),
  ('agent', 'contacts:read'),
  ('agent', 'contacts:write'),
  ('agent', 'conversations:read'),
  ('agent', 'conversations:write'),
  ('viewer', 'agents:read'),
  ('viewer', 'contacts:read'),
  ('viewer', 'conversations:read'),
  ('viewer', 'analytics:read'),
  ('viewer', 'keys:read');

-- Publishable keys. The key itself is shown once; its SHA-256 finds it again.
CREATE TABLE auth.keys (
  workspace_id    uuid NOT NULL REFERENCES auth.workspaces (id) ON DELETE CASCADE,
  id              uuid NOT NULL,
  kind            text NOT NULL CONSTRAINT keys_kind CHECK (kind = 'publishable'),
  name            text NOT NULL,
  prefix          text NOT NULL,
  hash            bytea NOT NULL CONSTRAINT keys_hash_unique UNIQUE,
  agent_id        uuid NOT NULL,
  allowed_origins text[] NOT NULL,
  created_by      uuid NOT NULL,
  created_at      timestamptz NOT NULL,
  last_used_at    timestamptz,
  revoked_at      timestamptz,
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX keys_live ON auth.keys (workspace_id, id) WHERE revoked_at IS NULL;

CREATE TABLE auth.visitors (
  workspace_id uuid NOT NULL REFERENCES auth.workspaces (id) ON DELETE CASCADE,
  id           uuid NOT NULL,
  -- The key that first let them in.
  key_id       uuid NOT NULL,
  secret_hash  bytea NOT NULL CONSTRAINT visitors_secret_hash_unique UNIQUE,
  created_at   timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, key_id) REFERENCES auth.keys (workspace_id, id) ON DELETE CASCADE
);

-- One sign-in of a person, or the stay of a visitor under one key. Tokens name it; its end ends them.
CREATE TABLE auth.sessions (
  id             uuid PRIMARY KEY,
  workspace_id   uuid NOT NULL REFERENCES auth.workspaces (id) ON DELETE CASCADE,
  user_id        uuid REFERENCES auth.users (id) ON DELETE CASCADE,
  visitor_id     uuid,
  key_id         uuid,
  user_agent     text,
  created_at     timestamptz NOT NULL,
  last_used_at   timestamptz NOT NULL,
  revoked_at     timestamptz,
  revoked_reason text,
  FOREIGN KEY (workspace_id, visitor_id) REFERENCES auth.visitors (workspace_id, id) ON DELETE CASCADE,
  FOREIGN KEY (workspace_id, key_id) REFERENCES auth.keys (workspace_id, id) ON DELETE CASCADE,
  CONSTRAINT sessions_of_somebody
    CHECK (num_nonnulls(user_id, visitor_id) = 1 AND (visitor_id IS NULL) = (key_id IS NULL)),
  CONSTRAINT sessions_end_has_reason CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);
CREATE INDEX sessions_by_user ON auth.sessions (user_id, workspace_id, last_used_at);
CREATE INDEX sessions_by_key ON auth.sessions (workspace_id, key_id, last_used_at)
  WHERE key_id IS NOT NULL AND revoked_at IS NULL;
-- Tabs that open at once share one session.
CREATE UNIQUE INDEX sessions_visitor_live ON auth.sessions (workspace_id, visitor_id, key_id)
  WHERE visitor_id IS NOT NULL AND revoked_at IS NULL;
-- What the gateway and chat ask for twice a second.
CREATE INDEX sessions_by_end ON auth.sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX sessions_by_age ON auth.sessions (last_used_at);

-- The family of a session: each use of a token makes its successor. The row of the session is the
-- lock of the family.
CREATE TABLE auth.refresh_tokens (
  hash       bytea PRIMARY KEY,
  session_id uuid NOT NULL REFERENCES auth.sessions (id) ON DELETE CASCADE,
  issued_at  timestamptz NOT NULL,
  used_at    timestamptz,
  -- The hash of the token that came after it.
  successor  bytea,
  CONSTRAINT refresh_tokens_use_has_successor CHECK ((used_at IS NULL) = (successor IS NULL))
);
CREATE INDEX refresh_tokens_by_session ON auth.refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_age ON auth.refresh_tokens (issued_at);

CREATE TABLE auth.outbox (
  id         uuid PRIMARY KEY,
  event      jsonb NOT NULL,
  created_at timestamptz NOT NULL
);

CREATE TABLE auth.inbox (
  event_id   uuid NOT NULL,
  queue      text NOT NULL,
  handled_at timestamptz NOT NULL,
  PRIMARY KEY (event_id, queue)
);
CREATE INDEX inbox_by_age ON auth.inbox (handled_at);
