COPY t FROM stdin WITH (FORMAT csv, HEADER);
a,b
"x ""y""",\.z
\.
SET client_encoding TO LATIN1;
SELECT 1;
