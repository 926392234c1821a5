-- Files of messages. Their bytes lie in the object store, sealed under a key of each file alone.

CREATE TABLE chat.attachments (
  workspace_id uuid NOT NULL,
  id           uuid NOT NULL,
  channel_id   uuid NOT NULL,
  -- The key that messages of the uploader have: visitor:<id>, user:<id>.
  uploader     text NOT NULL,
  -- The uploader's own name for it: a repeated upload is the same file.
  client_id    text NOT NULL,
  -- uploading → ready → claimed, when a message takes it.
  state        text NOT NULL CONSTRAINT attachments_state CHECK (state IN ('uploading', 'ready', 'claimed')),
  key_sealed   bytea NOT NULL,
  name_sealed  bytea NOT NULL,
  media_type   text NOT NULL,
  size         bigint NOT NULL,
  width        integer,
  height       integer,
  -- Bytes of the small picture; null without one.
  thumbnail_size bigint,
  -- The message that takes it, by the uploader's own name, and its place once that is known.
  message      text,
  seq          bigint,
  created_at   timestamptz NOT NULL,
  -- The last sign of life of an upload, or the last change.
  touched_at   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, channel_id, uploader, client_id)
);

-- What nobody took, for the sweep.
CREATE INDEX attachments_left ON chat.attachments (touched_at) WHERE seq IS NULL;
-- What one person has uploaded and not sent.
CREATE INDEX attachments_waiting ON chat.attachments (workspace_id, uploader) WHERE state <> 'claimed';
CREATE INDEX attachments_of_message ON chat.attachments (workspace_id, channel_id, seq);
