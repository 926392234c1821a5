-- The database, its extensions, and for each service a role that owns its own schema and nothing
-- else. Run by a superuser with psql: by the native start, and by the image's initdb folder.
-- Passwords come from the environment of psql, the database's name too when it is another one.
-- May be run again at any time.

\set ON_ERROR_STOP on
\set database syntera
\getenv database SYNTERA_POSTGRES_DATABASE
\getenv auth_password SYNTERA_POSTGRES_AUTH_PASSWORD
\getenv agent_password SYNTERA_POSTGRES_AGENT_PASSWORD
\getenv crm_password SYNTERA_POSTGRES_CRM_PASSWORD
\getenv chat_password SYNTERA_POSTGRES_CHAT_PASSWORD
\getenv analytics_password SYNTERA_POSTGRES_ANALYTICS_PASSWORD

SELECT format('CREATE DATABASE %I', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec

\connect :"database"

CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- An unset password stops here: :'name' stays as it is, which is a syntax error.
CREATE TEMPORARY TABLE service (name text, password text);
INSERT INTO service VALUES
  ('auth', :'auth_password'),
  ('agent', :'agent_password'),
  ('crm', :'crm_password'),
  ('chat', :'chat_password'),
  ('analytics', :'analytics_password');

SELECT format('CREATE ROLE %I', name) FROM service
WHERE name NOT IN (SELECT rolname FROM pg_roles) \gexec

SELECT format('ALTER ROLE %I WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L', name, password)
FROM service \gexec

SELECT format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', name, name) FROM service \gexec
SELECT format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', name) FROM service \gexec
SELECT format(
  'ALTER ROLE %I IN DATABASE %I SET search_path = %I, public', name, :'database', name)
FROM service \gexec

DROP TABLE service;
