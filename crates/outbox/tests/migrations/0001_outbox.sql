CREATE TABLE crm.outbox (id uuid PRIMARY KEY, event jsonb NOT NULL, created_at timestamptz NOT NULL);
CREATE TABLE crm.inbox (event_id uuid, queue text, handled_at timestamptz NOT NULL, PRIMARY KEY (event_id, queue));
CREATE TABLE crm.effects (number bigint NOT NULL);
