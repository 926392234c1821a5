-- Documents: the texts that an agent answers from, and their searchable chunks.

CREATE TABLE agent.documents (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    title text NOT NULL,
    url text,
    content text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'ready', 'failed')),
    error text,
    chunk_count integer NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1,
    -- What the chunks were embedded by, and how long the vectors are.
    embedding_model text,
    dimension integer,
    -- The work list of the workers. A claim moves due_at into the future, which is lease and pause
    -- in one, and raises attempts, which tells a worker whether the claim is still its own.
    attempts integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (workspace_id, id),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES agent.agent_configs (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX documents_by_age ON agent.documents (workspace_id, agent_id, created_at, id);
CREATE INDEX documents_due ON agent.documents (due_at) WHERE status = 'pending';

CREATE TABLE agent.chunks (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    document_id uuid NOT NULL,
    ordinal integer NOT NULL,
    -- The headings above the text, outermost first.
    headings text[] NOT NULL,
    content text NOT NULL,
    -- Without a fixed dimension: the embedding model is a setting, and models differ in length. An
    -- index for large agents is one of an expression, (embedding::vector(384)) WHERE vector_dims = 384.
    embedding vector NOT NULL,
    embedding_model text NOT NULL,
    -- How words of this language are reduced to stems.
    search_config regconfig NOT NULL,
    search_text text NOT NULL,
    search_vector tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector(search_config, search_text)) STORED,
    UNIQUE (workspace_id, document_id, ordinal),
    FOREIGN KEY (workspace_id, document_id) REFERENCES agent.documents (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX chunks_of_agent ON agent.chunks (workspace_id, agent_id, embedding_model);
CREATE INDEX chunks_by_words ON agent.chunks USING gin (search_vector);
