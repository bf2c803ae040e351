-- Prints the tables of the report from the results, one line per measurement.
CREATE TEMP TABLE result (
  measured serial, peer text, label text, scale numeric, bytes numeric, round int, seconds numeric,
  cpu_source numeric, cpu_target numeric, cpu_client numeric, mb_source numeric, mb_target numeric, mb_client numeric, outcome text);
COPY result (peer, label, scale, bytes, round, seconds, cpu_source, cpu_target, cpu_client, mb_source, mb_target, mb_client, outcome)
FROM :'results';

CREATE FUNCTION pg_temp.median(numeric[]) RETURNS numeric LANGUAGE sql
AS 'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n)::numeric FROM unnest($1) n';

-- What failed, or made something else, has taken no time that could be compared.
CREATE TEMP VIEW summary AS
SELECT scale, bytes / 1e9 AS gigabytes, peer, label, (SELECT max(round) FROM result) AS rounds, count(outcome) AS equal,
       pg_temp.median(array_agg(seconds)) AS seconds, min(seconds) AS fastest, max(seconds) AS slowest,
       pg_temp.median(array_agg(cpu_source)) AS cpu_source, pg_temp.median(array_agg(cpu_target)) AS cpu_target,
       pg_temp.median(array_agg(cpu_client)) AS cpu_client,
       max(mb_source) AS mb_source, max(mb_target) AS mb_target, max(mb_client) AS mb_client
FROM (SELECT DISTINCT scale, bytes, peer, label FROM result) measured
LEFT JOIN (SELECT * FROM result WHERE outcome = 'equal') equal USING (scale, bytes, peer, label)
GROUP BY scale, bytes, peer, label;

\pset footer off
\pset border 2

SELECT round(s.gigabytes, 2) AS "GB", s.label AS "peer", round(s.seconds, 1) AS "median s",
       round(s.fastest, 1) || ' to ' || round(s.slowest, 1) AS "spread", round(s.seconds / us.seconds, 2) AS "to ours",
       round(s.seconds / s.gigabytes, 1) AS "s per GB",
       round(s.cpu_source + s.cpu_target + s.cpu_client, 1) AS "CPU s",
       concat_ws(' + ', round(s.cpu_source, 1), round(s.cpu_target, 1), round(s.cpu_client, 1)) AS "source, target, client",
       concat_ws(' / ', round(s.mb_source), round(s.mb_target), round(s.mb_client)) AS "largest process, MB",
       s.equal || ' of ' || s.rounds AS "equal"
FROM summary s LEFT JOIN summary us ON us.scale = s.scale AND us.peer = 'pull-2'
ORDER BY first_value(s.seconds) OVER (PARTITION BY s.peer ORDER BY s.scale), s.peer, s.scale;

\pset format unaligned
\pset tuples_only
SELECT format(E'\n%s GB: ours with 2 workers takes %s of the time of %s.',
              round(us.gigabytes, 2), round(us.seconds / other.seconds, 2), other.label)
FROM summary us, LATERAL (SELECT * FROM summary other WHERE other.scale = us.scale AND peer IN ('dump-restore', 'pgcopydb')
                          ORDER BY seconds LIMIT 1) other
WHERE us.peer = 'pull-2' ORDER BY us.scale;
-- What the fastest of those does not do, left out here; and what one does after it, counted there.
SELECT format(E'\n%s GB: ours with 2 workers, without statistics, takes %s of that time.',
              round(us.gigabytes, 2), round(us.seconds / other.seconds, 2))
FROM summary us, LATERAL (SELECT * FROM summary other WHERE other.scale = us.scale AND peer IN ('dump-restore', 'pgcopydb')
                          ORDER BY seconds LIMIT 1) other
WHERE us.peer = 'pull-bare' ORDER BY us.scale;
SELECT format(E'\n%s GB: ours with 2 workers takes %s of the time of pg_restore followed by ANALYZE.',
              round(us.gigabytes, 2), round(us.seconds / other.seconds, 2))
FROM summary us JOIN summary other USING (scale)
WHERE us.peer = 'pull-2' AND other.peer = 'dump-analyze' ORDER BY us.scale;
SELECT format(E'\n%s GB: verifying the content takes %s s more.', round(us.gigabytes, 2), round(verified.seconds - us.seconds, 1))
FROM summary us JOIN summary verified USING (scale)
WHERE us.peer = 'pull-2' AND verified.peer = 'pull-content' ORDER BY scale;
