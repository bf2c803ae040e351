--
-- PostgreSQL database dump
--

\restrict abc

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
CREATE TABLE public.t (a integer, b text);
COPY public.t (a, b) FROM stdin;
1	one
2	\N
\.

--
-- PostgreSQL database dump complete
--

\unrestrict abc

