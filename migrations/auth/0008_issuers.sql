-- Identity providers (OpenID Connect) of the workspaces, and whom they vouch for.

CREATE TABLE auth.issuers (
  workspace_id   uuid NOT NULL REFERENCES auth.workspaces (id) ON DELETE CASCADE,
  -- A sign-in begins with nothing but this.
  id             uuid NOT NULL CONSTRAINT issuers_id_unique UNIQUE,
  name           text NOT NULL,
  issuer         text NOT NULL,
  client_id      text NOT NULL,
  -- Sealed under the workspace's key.
  client_secret  bytea NOT NULL,
  -- In lower case: whose addresses it can vouch for.
  email_domains  text[] NOT NULL,
  -- The role of those who join by signing in; without one, only members are let in.
  auto_join_role text
    CONSTRAINT issuers_auto_join_role CHECK (auto_join_role IN ('admin', 'supervisor', 'agent', 'viewer')),
  -- What those may do who added it or stood by it later: it signs in nobody who may do more.
  by_owner       boolean NOT NULL,
  permissions    text[] NOT NULL,
  version        bigint NOT NULL DEFAULT 1,
  created_at     timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX issuers_by_domain ON auth.issuers USING gin (email_domains);

-- Who a provider's subject is. It belongs to the membership: whoever leaves the workspace is unlinked.
CREATE TABLE auth.identities (
  workspace_id uuid NOT NULL,
  issuer_id    uuid NOT NULL,
  -- A blind index of the `sub` that the provider gave them: some providers take the address for it.
  subject      bytea NOT NULL,
  user_id      uuid NOT NULL,
  created_at   timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, issuer_id, subject),
  -- An address that is given to somebody else comes with another subject, which must not get the account.
  CONSTRAINT identities_user_unique UNIQUE (workspace_id, issuer_id, user_id),
  FOREIGN KEY (workspace_id, issuer_id) REFERENCES auth.issuers (workspace_id, id) ON DELETE CASCADE,
  FOREIGN KEY (workspace_id, user_id) REFERENCES auth.memberships (workspace_id, user_id) ON DELETE CASCADE
);
CREATE INDEX identities_by_user ON auth.identities (workspace_id, user_id);
