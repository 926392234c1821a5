-- The keys that sign access tokens. The public half is made from the sealed private one, so whoever can
-- write here without the vault's key cannot add a key that verifies.
CREATE TABLE auth.signing_keys (
  id         uuid PRIMARY KEY,
  -- PKCS#8, sealed under the fleet's data key.
  sealed     bytea NOT NULL,
  created_at timestamptz NOT NULL,
  -- It is published from its creation on, signs from here on until the next one does, and is no longer
  -- published once it has retired.
  signs_from timestamptz NOT NULL,
  retires_at timestamptz
);
