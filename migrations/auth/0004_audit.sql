-- Who changed what, when, and from where. Written in the transaction of the change; never changed.
CREATE TABLE auth.audit (
  workspace_id uuid NOT NULL REFERENCES auth.workspaces (id) ON DELETE CASCADE,
  -- UUIDv7, so the order of ids is the order of time.
  id           uuid NOT NULL,
  at           timestamptz NOT NULL,
  actor_kind   text NOT NULL CONSTRAINT audit_actor CHECK (actor_kind IN ('user', 'program', 'system')),
  actor_id     uuid,
  action       text COLLATE "C" NOT NULL,
  target_kind  text COLLATE "C" NOT NULL,
  target_id    uuid NOT NULL,
  -- Ids and codes; what is personal is sealed where it lives.
  before       jsonb,
  after        jsonb,
  address      text,
  user_agent   text,
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX audit_by_actor ON auth.audit (workspace_id, actor_id, id);
CREATE INDEX audit_by_action ON auth.audit (workspace_id, action, id);
CREATE INDEX audit_by_target ON auth.audit (workspace_id, target_id, id);
