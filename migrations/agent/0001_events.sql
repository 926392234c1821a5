-- Events to be published, events that had their effect, and answers to repeated requests
-- (crates/outbox, crates/rest).

CREATE TABLE agent.outbox (
    id uuid PRIMARY KEY,
    event jsonb NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE agent.inbox (
    event_id uuid NOT NULL,
    queue text NOT NULL,
    handled_at timestamptz NOT NULL,
    PRIMARY KEY (event_id, queue)
);

CREATE TABLE agent.idempotency_keys (
    workspace_id uuid NOT NULL,
    caller uuid NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status smallint,
    body jsonb,
    version bigint,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, caller, route, key)
);
