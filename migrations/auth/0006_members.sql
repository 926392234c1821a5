-- Roles that a workspace makes for itself, invitations, and what the built-in roles may do here.

INSERT INTO auth.permissions (role, permission)
SELECT role, permission
FROM unnest(ARRAY['owner', 'admin', 'supervisor', 'agent', 'viewer']) AS role,
     unnest(ARRAY['members:read', 'roles:read', 'workspace:read']) AS permission;
INSERT INTO auth.permissions (role, permission)
SELECT role, permission
FROM unnest(ARRAY['owner', 'admin']) AS role,
     unnest(ARRAY['members:write', 'roles:write', 'workspace:write', 'issuers:read', 'issuers:write',
                  'audit:read']) AS permission;
INSERT INTO auth.permissions (role, permission) VALUES ('supervisor', 'issuers:read');

CREATE TABLE auth.roles (
  workspace_id uuid NOT NULL REFERENCES auth.workspaces (id) ON DELETE CASCADE,
  id           uuid NOT NULL,
  name         text NOT NULL,
  -- In lower case, by the service: two roles of a workspace are not told apart by case.
  name_key     text COLLATE "C" NOT NULL,
  permissions  text[] NOT NULL,
  version      bigint NOT NULL DEFAULT 1,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT roles_name_unique UNIQUE (workspace_id, name_key)
);

ALTER TABLE auth.memberships
  DROP CONSTRAINT memberships_role,
  ADD COLUMN role_id uuid,
  ADD CONSTRAINT memberships_role
    CHECK (role IN ('owner', 'admin', 'supervisor', 'agent', 'viewer', 'custom')),
  ADD CONSTRAINT memberships_custom_role CHECK ((role = 'custom') = (role_id IS NOT NULL)),
  -- A role that somebody has is not deleted.
  ADD CONSTRAINT memberships_role_exists FOREIGN KEY (workspace_id, role_id) REFERENCES auth.roles (workspace_id, id);
CREATE INDEX memberships_by_role ON auth.memberships (workspace_id, role_id) WHERE role_id IS NOT NULL;

-- Counts the changes of a workspace's settings; the ETag.
ALTER TABLE auth.workspaces ADD COLUMN version bigint NOT NULL DEFAULT 1;

CREATE TABLE auth.invites (
  workspace_id uuid NOT NULL REFERENCES auth.workspaces (id) ON DELETE CASCADE,
  id           uuid NOT NULL,
  -- Sealed under the workspace's key; the index finds a second invitation of the same address.
  email_sealed bytea NOT NULL,
  email_index  bytea NOT NULL,
  role         text NOT NULL
    CONSTRAINT invites_role CHECK (role IN ('owner', 'admin', 'supervisor', 'agent', 'viewer', 'custom')),
  role_id      uuid,
  -- The hash of the link's secret.
  hash         bytea NOT NULL CONSTRAINT invites_hash_unique UNIQUE,
  invited_by   uuid NOT NULL,
  created_at   timestamptz NOT NULL,
  sent_at      timestamptz NOT NULL,
  expires_at   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT invites_email_unique UNIQUE (workspace_id, email_index),
  CONSTRAINT invites_custom_role CHECK ((role = 'custom') = (role_id IS NOT NULL)),
  -- Nor one that somebody is invited with.
  CONSTRAINT invites_role_exists FOREIGN KEY (workspace_id, role_id) REFERENCES auth.roles (workspace_id, id)
);
CREATE INDEX invites_by_role ON auth.invites (workspace_id, role_id) WHERE role_id IS NOT NULL;
CREATE INDEX invites_by_end ON auth.invites (expires_at);
