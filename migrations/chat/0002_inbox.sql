-- The inbox: channels as people list them. The log in MongoDB is the truth; these rows follow it.

CREATE TABLE chat.channels (
  workspace_id     uuid NOT NULL,
  id               uuid NOT NULL,
  agent_id         uuid NOT NULL,
  visitor_id       uuid NOT NULL,
  owner            text NOT NULL CHECK (owner IN ('ai', 'queued', 'human', 'closed')),
  assignee_id      uuid,
  team_id          uuid,
  labels           text[] NOT NULL,
  -- 0 low, 1 normal, 2 high, 3 urgent.
  priority         smallint NOT NULL CHECK (priority BETWEEN 0 AND 3),
  -- Asleep while it is set: waking is an entry of the log, so no row changes by the passing of time.
  snoozed_until    timestamptz,
  episode          bigint NOT NULL,
  -- How far the log was when the row was written. A row only moves forward.
  head_seq         bigint NOT NULL,
  -- The last entry that visitors see.
  public_seq       bigint NOT NULL,
  last_message_seq bigint NOT NULL,
  last_visitor_seq bigint NOT NULL,
  last_user_seq    bigint NOT NULL,
  opened_at        timestamptz NOT NULL,
  last_activity_at timestamptz NOT NULL,
  last_message_at  timestamptz,
  waiting_since    timestamptz,
  queued_at        timestamptz,
  closed_at        timestamptz,
  rating           smallint,
  merged_into      uuid,
  -- By the clock of this database, which is the only one that all instances share.
  changed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, id)
);

-- Of a million channels a few thousand are open, and nearly every look is at those: whatever the filter
-- and the order, they are read through this index and sorted in memory.
CREATE INDEX channels_open ON chat.channels (workspace_id, last_activity_at, id) WHERE owner <> 'closed';
-- Everything that waits for a person, over all workspaces: looked at each second.
CREATE INDEX channels_queued ON chat.channels (workspace_id, team_id, priority, queued_at) WHERE owner = 'queued';
-- What closed ones are listed by.
CREATE INDEX channels_by_activity ON chat.channels (workspace_id, last_activity_at, id);
CREATE INDEX channels_by_opening ON chat.channels (workspace_id, opened_at, id);
CREATE INDEX channels_by_visitor ON chat.channels (workspace_id, visitor_id, opened_at, id);
CREATE INDEX channels_by_assignee ON chat.channels (workspace_id, assignee_id, last_activity_at, id)
  WHERE assignee_id IS NOT NULL;
CREATE INDEX channels_by_team ON chat.channels (workspace_id, team_id, last_activity_at, id)
  WHERE team_id IS NOT NULL;
CREATE INDEX channels_by_label ON chat.channels USING gin (labels) WHERE labels <> '{}';
-- What changed lately, for instances that missed a hint.
CREATE INDEX channels_by_change ON chat.channels (workspace_id, changed_at);

-- Which entries are messages, and whose: what is unread is counted from it. It says nothing of them.
CREATE TABLE chat.message_marks (
  workspace_id uuid NOT NULL,
  channel_id   uuid NOT NULL,
  seq          bigint NOT NULL,
  -- The person or visitor; the AI and the product have none.
  sender_id    uuid,
  -- Taken back. The row stays, so that a message that is told of twice does not come back.
  gone         boolean NOT NULL DEFAULT false,
  PRIMARY KEY (workspace_id, channel_id, seq)
);

-- How far somebody has read a channel: a person, or the visitor whose it is.
CREATE TABLE chat.reads (
  workspace_id uuid NOT NULL,
  reader_id    uuid NOT NULL,
  channel_id   uuid NOT NULL,
  seq          bigint NOT NULL,
  changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, reader_id, channel_id)
);
CREATE INDEX reads_by_change ON chat.reads (workspace_id, changed_at);

-- Whom notes call.
CREATE TABLE chat.mentions (
  workspace_id uuid NOT NULL,
  user_id      uuid NOT NULL,
  channel_id   uuid NOT NULL,
  seq          bigint NOT NULL,
  -- Until that person has read as far. It may be set a moment too long: reads have the last word.
  unread       boolean NOT NULL DEFAULT true,
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, user_id, channel_id, seq)
);
CREATE INDEX mentions_unread ON chat.mentions (workspace_id, user_id, channel_id, seq) WHERE unread;
CREATE INDEX mentions_of_entry ON chat.mentions (workspace_id, channel_id, seq);

-- How long visitors waited until a person answered: what the next one is told is made of it.
CREATE TABLE chat.waits (
  workspace_id uuid NOT NULL,
  channel_id   uuid NOT NULL,
  -- The entry by which it ended.
  seq          bigint NOT NULL,
  team_id      uuid,
  waited_seconds double precision NOT NULL,
  ended_at     timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, channel_id, seq)
);
CREATE INDEX waits_of_workspace ON chat.waits (workspace_id, ended_at);

-- Filters that somebody saved.
CREATE TABLE chat.views (
  workspace_id uuid NOT NULL,
  id           uuid NOT NULL,
  -- Who made it, or made it private last.
  user_id      uuid NOT NULL,
  name         text NOT NULL,
  shared       boolean NOT NULL,
  filter       jsonb NOT NULL,
  version      bigint NOT NULL,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX views_of_person ON chat.views (workspace_id, user_id) WHERE NOT shared;
CREATE INDEX views_shared ON chat.views (workspace_id) WHERE shared;

-- What waiting visitors were told last: of several instances, the one that changes a row tells them.
CREATE TABLE chat.queue_places (
  workspace_id uuid NOT NULL,
  channel_id   uuid NOT NULL,
  place        bigint NOT NULL,
  told_at      timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, channel_id)
);
