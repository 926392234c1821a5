-- Conversations: what is wanted and what is done. What was said is in chat's log and in MongoDB.

CREATE TABLE agent.conversations (
    channel_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    visitor_id uuid NOT NULL,
    contact_id uuid,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,

    -- Who answers, as far as chat's events have told; a lower version never replaces a higher one.
    owner text NOT NULL DEFAULT 'ai' CHECK (owner IN ('ai', 'queued', 'human', 'closed')),
    owner_version bigint NOT NULL DEFAULT 0,
    escalated boolean NOT NULL DEFAULT false,

    -- The last message that wants an answer, and the last that has one. Both only rise.
    wanted_seq bigint NOT NULL DEFAULT 0,
    wanted_at timestamptz,
    answered_seq bigint NOT NULL DEFAULT 0,
    -- The trace of the message that raised wanted_seq.
    traceparent text,

    -- Whoever holds the lease answers. epoch rises with each lease, so that chat can tell attempts apart.
    lease_owner uuid,
    lease_until timestamptz,
    epoch bigint NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    -- The turn that may have streamed already: whoever goes on with the same message takes its id.
    turn_id uuid,
    turn_seq bigint,

    -- How far MongoDB's log should be, and how far it is.
    log_wanted_seq bigint NOT NULL DEFAULT 0,
    logged_seq bigint NOT NULL DEFAULT 0,
    log_due_at timestamptz NOT NULL,

    FOREIGN KEY (workspace_id, agent_id) REFERENCES agent.agent_configs (workspace_id, id) ON DELETE CASCADE
);

-- One open conversation for a visitor and an agent; also how it is found.
CREATE UNIQUE INDEX conversations_open
    ON agent.conversations (workspace_id, agent_id, visitor_id) WHERE closed_at IS NULL;
CREATE INDEX conversations_due ON agent.conversations (due_at)
    WHERE owner = 'ai' AND wanted_seq > answered_seq AND wanted_seq > owner_version;
CREATE INDEX conversations_to_log ON agent.conversations (log_due_at) WHERE log_wanted_seq > logged_seq;

-- One row for each answer, and for each turn that a person ended by taking over.
CREATE TABLE agent.turns (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    channel_id uuid NOT NULL REFERENCES agent.conversations (channel_id) ON DELETE CASCADE,
    agent_id uuid NOT NULL,
    agent_version bigint NOT NULL,
    outcome text NOT NULL
        CHECK (outcome IN ('answered', 'not_known', 'small_talk', 'handed_off', 'failed', 'taken_over')),
    epoch bigint NOT NULL,
    owner_version bigint NOT NULL,
    answers_to_seq bigint NOT NULL,
    seq bigint,
    model text,
    prompt_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    -- Milliseconds from the customer's message.
    first_delta_ms bigint,
    total_ms bigint NOT NULL,
    -- Milliseconds of each step.
    context_ms bigint NOT NULL,
    search_ms bigint NOT NULL,
    model_ms bigint NOT NULL,
    -- What was found, with scores: [{chunk_id, document_id, cosine, fused}].
    retrieval jsonb NOT NULL,
    error text,
    started_at timestamptz NOT NULL,
    completed_at timestamptz NOT NULL
);

CREATE INDEX turns_of_channel ON agent.turns (workspace_id, channel_id, answers_to_seq);
