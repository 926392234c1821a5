-- Agents: who answers customers, and how.

CREATE TABLE agent.agent_configs (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    voice_type text NOT NULL,
    language text NOT NULL,
    personality text NOT NULL,
    system_prompt text NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    -- What other tables refer to, so that a row cannot belong to another workspace's agent.
    UNIQUE (workspace_id, id)
);

CREATE INDEX agent_configs_by_age ON agent.agent_configs (workspace_id, created_at, id);
CREATE INDEX agent_configs_by_name ON agent.agent_configs (workspace_id, lower(name), id);
