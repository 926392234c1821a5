-- How conversations are taken care of: what a workspace decides, who is there, what is written for later,
-- and what visitors say of themselves.

-- What a workspace decided; what it did not is as the service has it.
CREATE TABLE chat.settings (
  workspace_id uuid PRIMARY KEY,
  decided      jsonb NOT NULL,
  version      bigint NOT NULL,
  updated_at   timestamptz NOT NULL
);

-- Each text that visitors were ever asked to agree to, so that a consent can be held against it.
CREATE TABLE chat.consent_texts (
  workspace_id uuid NOT NULL,
  version      bigint NOT NULL,
  text         text NOT NULL,
  -- SHA-256, in hexadecimal digits.
  text_hash    text NOT NULL,
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, version)
);

CREATE TABLE chat.consents (
  workspace_id uuid NOT NULL,
  visitor_id   uuid NOT NULL,
  version      bigint NOT NULL,
  text_hash    text NOT NULL,
  given_at     timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, visitor_id, version)
);
CREATE INDEX consents_by_time ON chat.consents (workspace_id, given_at, visitor_id, version);

CREATE TABLE chat.teams (
  workspace_id uuid NOT NULL,
  id           uuid NOT NULL,
  name         text NOT NULL,
  -- In lower case, written by the service: what lower() does depends on the server's locale.
  name_key     text COLLATE "C" NOT NULL,
  version      bigint NOT NULL,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  -- Nobody sees it any more; the row goes when no open channel is the team's.
  deleted_at   timestamptz,
  PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX teams_name_unique ON chat.teams (workspace_id, name_key) WHERE deleted_at IS NULL;
CREATE INDEX teams_by_created_at ON chat.teams (workspace_id, created_at, id);
CREATE INDEX teams_deleted ON chat.teams (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE chat.team_members (
  workspace_id uuid NOT NULL,
  team_id      uuid NOT NULL,
  user_id      uuid NOT NULL,
  PRIMARY KEY (workspace_id, team_id, user_id),
  FOREIGN KEY (workspace_id, team_id) REFERENCES chat.teams (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX team_members_by_user ON chat.team_members (workspace_id, user_id);

-- Who takes conversations. Times are this database's: every instance writes and compares them.
CREATE TABLE chat.availability (
  workspace_id     uuid NOT NULL,
  user_id          uuid NOT NULL,
  status           text NOT NULL CONSTRAINT availability_status CHECK (status IN ('online', 'away', 'offline')),
  -- Conversations at a time; the workspace's number where it is null.
  capacity         integer,
  changed_at       timestamptz,
  -- The last sign of one of their sockets.
  seen_at          timestamptz,
  -- When they were last given a conversation: who waits longest is next.
  last_assigned_at timestamptz,
  PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX availability_online ON chat.availability (workspace_id, seen_at) WHERE status = 'online';

-- Channels that were given to somebody and not taken yet.
CREATE TABLE chat.routed (
  workspace_id uuid NOT NULL,
  channel_id   uuid NOT NULL,
  -- Nobody at present, where it was taken back from everybody before.
  user_id      uuid,
  routed_at    timestamptz NOT NULL,
  -- Those who had it before and did not take it.
  passed_by    uuid[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (workspace_id, channel_id)
);
CREATE INDEX routed_by_user ON chat.routed (workspace_id, user_id);

-- What one person has to do at present.
CREATE INDEX channels_in_work ON chat.channels (workspace_id, assignee_id) WHERE owner IN ('queued', 'human');

CREATE TABLE chat.canned_replies (
  workspace_id uuid NOT NULL,
  id           uuid NOT NULL,
  -- Whose it is; everybody's where it is null.
  user_id      uuid,
  shortcut     text COLLATE "C" NOT NULL,
  title        text NOT NULL,
  text         text NOT NULL,
  -- Shortcut, title and text in lower case, each on its own line.
  search       text COLLATE "C" NOT NULL,
  created_by   uuid NOT NULL,
  version      bigint NOT NULL,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT canned_replies_shortcut_unique UNIQUE NULLS NOT DISTINCT (workspace_id, user_id, shortcut)
);
CREATE INDEX canned_replies_by_shortcut ON chat.canned_replies (workspace_id, shortcut, id);
CREATE INDEX canned_replies_by_updated_at ON chat.canned_replies (workspace_id, updated_at, id);

CREATE TABLE chat.drafts (
  workspace_id uuid NOT NULL,
  channel_id   uuid NOT NULL,
  user_id      uuid NOT NULL,
  -- Another one each time it is kept: what its text is sealed for.
  id           uuid NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('message', 'note')),
  text_sealed  bytea NOT NULL,
  updated_at   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, channel_id, user_id)
);
CREATE INDEX drafts_by_age ON chat.drafts (updated_at);

CREATE TABLE chat.scheduled_messages (
  workspace_id    uuid NOT NULL,
  channel_id      uuid NOT NULL,
  id              uuid NOT NULL,
  user_id         uuid NOT NULL,
  text_sealed     bytea NOT NULL,
  send_at         timestamptz NOT NULL,
  cancel_on_reply boolean NOT NULL,
  -- The visitor's last message when it was written.
  after_seq       bigint NOT NULL,
  -- `sending` is between the decision and the log: it cannot be cancelled any more.
  state           text NOT NULL CONSTRAINT scheduled_messages_state
    CHECK (state IN ('pending', 'sending', 'sent', 'cancelled', 'failed')),
  reason          text,
  seq             bigint,
  -- When an instance may take it up: after `send_at`, and later where it was tried before.
  due_at          timestamptz NOT NULL,
  idempotency_key text,
  version         bigint NOT NULL,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, channel_id, id),
  CONSTRAINT scheduled_messages_once UNIQUE (workspace_id, channel_id, user_id, idempotency_key)
);
CREATE INDEX scheduled_messages_due ON chat.scheduled_messages (due_at) WHERE state IN ('pending', 'sending');
CREATE INDEX scheduled_messages_waiting ON chat.scheduled_messages (workspace_id, channel_id) WHERE state = 'pending';

-- Who visitors say they are, sealed.
CREATE TABLE chat.introductions (
  workspace_id  uuid NOT NULL,
  visitor_id    uuid NOT NULL,
  sealed        bytea NOT NULL,
  version       bigint NOT NULL,
  introduced_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, visitor_id)
);

-- Events of what lies here; those of the log lie in the log.
CREATE TABLE chat.outbox (
  id         uuid PRIMARY KEY,
  event      jsonb NOT NULL,
  created_at timestamptz NOT NULL
);

CREATE TABLE chat.inbox (
  event_id   uuid NOT NULL,
  queue      text NOT NULL,
  handled_at timestamptz NOT NULL,
  PRIMARY KEY (event_id, queue)
);
CREATE INDEX inbox_by_age ON chat.inbox (handled_at);
