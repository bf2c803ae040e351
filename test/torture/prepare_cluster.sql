-- What belongs to a cluster, not to a database: needed on both sides before anything else.
CREATE ROLE torture_owner;
CREATE ROLE torture_reader;
CREATE ROLE torture_granter;
CREATE ROLE "Torture ""Owner""";
CREATE ROLE "torture
'role' -- of \ two $$ lines";
CREATE ROLE "роль 役 תפקיד";
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE "torture ""space""" LOCATION '';
GRANT CREATE ON TABLESPACE "torture ""space""" TO PUBLIC;
