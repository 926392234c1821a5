-- Who may take back what others said, and who decides how conversations go.

INSERT INTO auth.permissions (role, permission)
SELECT role, permission
FROM unnest(ARRAY['owner', 'admin', 'supervisor']) AS role,
     unnest(ARRAY['conversations:moderate', 'chat_settings:write']) AS permission;
