-- What is counted, and the facts that reports are added up from.

CREATE TABLE analytics.metrics (
  workspace_id uuid NOT NULL,
  id           uuid NOT NULL,
  user_id      uuid,
  metric_type  text NOT NULL,
  value        double precision NOT NULL,
  "timestamp"  timestamptz NOT NULL,
  -- The event that it was measured by.
  event_id     uuid NOT NULL,
  PRIMARY KEY (workspace_id, id),
  -- One event counts once, even if its inbox row was cleaned long ago.
  UNIQUE (event_id, metric_type)
);
CREATE INDEX metrics_by_time ON analytics.metrics (workspace_id, "timestamp", id);
CREATE INDEX metrics_by_type ON analytics.metrics (workspace_id, metric_type, "timestamp", id);

-- Channels that were opened.
CREATE TABLE analytics.conversations_started (
  workspace_id uuid NOT NULL,
  channel_id   uuid NOT NULL,
  agent_id     uuid NOT NULL,
  started_at   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, channel_id)
);
CREATE INDEX conversations_started_by_time ON analytics.conversations_started (workspace_id, started_at);

-- Conversations that ended with at least one message of the visitor.
CREATE TABLE analytics.conversation_facts (
  workspace_id     uuid NOT NULL,
  channel_id       uuid NOT NULL,
  agent_id         uuid NOT NULL,
  contact_id       uuid NOT NULL,
  started_at       timestamptz NOT NULL,
  ended_at         timestamptz NOT NULL,
  duration_seconds bigint NOT NULL CHECK (duration_seconds >= 0),
  escalated        boolean NOT NULL,
  visitor_messages bigint NOT NULL CHECK (visitor_messages >= 0),
  agent_messages   bigint NOT NULL CHECK (agent_messages >= 0),
  user_messages    bigint NOT NULL CHECK (user_messages >= 0),
  PRIMARY KEY (workspace_id, channel_id)
);
CREATE INDEX conversation_facts_by_time ON analytics.conversation_facts (workspace_id, ended_at);

CREATE TABLE analytics.inbox (
  event_id   uuid NOT NULL,
  queue      text NOT NULL,
  handled_at timestamptz NOT NULL,
  PRIMARY KEY (event_id, queue)
);
CREATE INDEX inbox_by_age ON analytics.inbox (handled_at);
