-- Run once by an administrator (a superuser, or a role with CREATEROLE and CREATEDB as on Aurora), and
-- again at any time: it puts right what it finds, and sets both passwords.
--
--   psql -X -h HOST -U ADMIN -d postgres -v owner_password=... -v service_password=... -f setup.sql
--
-- Other users of the machine can see a command's arguments. Instead of -v, both may stand in the
-- environment: LISTS_OWNER_PASSWORD and LISTS_SERVICE_PASSWORD.
--
-- lists_owner owns the database and its tables: for `lists migrate` and `lists epoch bump`.
-- lists_service is the running service: it reads and writes rows of these tables, and nothing else.

\set ON_ERROR_STOP on
\if :{?owner_password}
\else
  \set owner_password ''
  \getenv owner_password LISTS_OWNER_PASSWORD
\endif
\if :{?service_password}
\else
  \set service_password ''
  \getenv service_password LISTS_SERVICE_PASSWORD
\endif
SELECT :'owner_password' = '' OR :'service_password' = '' AS password_missing \gset
\if :password_missing
DO $$ BEGIN RAISE EXCEPTION 'owner_password and service_password are both needed'; END $$;
\endif

SET search_path = pg_catalog, pg_temp;
SET client_min_messages = warning;
SET password_encryption = 'scram-sha-256';

-- Roles. CREATE ROLE has no IF NOT EXISTS; a role that is there loses what it should not have.
SELECT format('CREATE ROLE %I', name)
  FROM unnest(ARRAY['lists_owner', 'lists_service']) AS name
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
SELECT format('ALTER ROLE %I NOSUPERUSER NOREPLICATION NOBYPASSRLS', rolname)
  FROM pg_roles
  WHERE rolname IN ('lists_owner', 'lists_service') AND (rolsuper OR rolreplication OR rolbypassrls) \gexec
ALTER ROLE lists_owner LOGIN NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE lists_service LOGIN NOCREATEDB NOCREATEROLE PASSWORD :'service_password';

-- Defaults of the service's connections. statement_timeout it sets itself.
ALTER ROLE lists_service SET default_transaction_isolation = 'read committed';
ALTER ROLE lists_service SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE lists_service SET lock_timeout = '2s';

-- Who is no superuser acts for lists_owner as its member.
SELECT format('GRANT lists_owner TO %I', current_user)
  WHERE NOT pg_has_role(current_user, 'lists_owner', 'MEMBER') \gexec

-- The database. Its order of text is that of bytes, whatever the machine's locale.
SELECT 'CREATE DATABASE devops_demo_service OWNER lists_owner TEMPLATE template0 ENCODING ''UTF8'''
       ' LC_COLLATE ''C'' LC_CTYPE ''C'''
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'devops_demo_service') \gexec
ALTER DATABASE devops_demo_service SET search_path = public, pg_temp;

-- Nobody connects by default. Only an owner can take this right away; what remains is told at the end.
SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', datname)
  FROM pg_database
  WHERE datname IN ('devops_demo_service', 'postgres', 'template1')
    AND pg_has_role(current_user, datdba, 'USAGE') \gexec
GRANT CONNECT ON DATABASE devops_demo_service TO lists_service;

\connect devops_demo_service
SET search_path = pg_catalog, pg_temp;
SET client_min_messages = warning;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO lists_service;
-- Rows of the tables that are there, and of those that lists_owner will make.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO lists_service;
ALTER DEFAULT PRIVILEGES FOR ROLE lists_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO lists_service;

\echo 'Databases that lists_service may connect to (only devops_demo_service should be here):'
\pset footer off
SELECT datname FROM pg_database
  WHERE datallowconn AND has_database_privilege('lists_service', datname, 'CONNECT') ORDER BY datname;
