# The ways to clone a database that bench/run compares: for each its name, its label and how it is done.
# Sourced, not run. Nothing on the way is synced, only the target's own files. A clone goes from $source to $target, two URIs; it may leave files in $work/scratch.
# shellcheck shell=bash disable=SC2154

peers_table='pull-2|pagila_replicate_from, 2 workers
pull-1|pagila_replicate_from, 1 worker
pull-bare|pagila_replicate_from, 2 workers, no statistics
pull-content|pagila_replicate_from, 2 workers, content verified
dump-restore|pg_dump -Fd -j2 -Z0, pg_restore -j2
dump-analyze|pg_dump -Fd, pg_restore -j2, vacuumdb --analyze-only -j2
pgcopydb|pgcopydb clone, 2 table and 2 index jobs
dump-psql|pg_dump to psql
subscription|CREATE SUBSCRIPTION, 2 sync workers
handmade|hand-made: schema, one buffer per table
basebackup|pg_basebackup, the whole cluster (floor)'

list_peers() { awk -F '|' '{ printf "  %-13s %s\n", $1, $2 }' <<<"$peers_table"; }
peer_names() { cut -d '|' -f 1 <<<"$peers_table"; }
peer_label() { awk -F '|' -v name="$1" '$1 == name { print $2; found = 1 } END { exit !found }' <<<"$peers_table"; }

# The rest is for the peers that are wanted.
wanted() { [[ " ${peers[*]} " == *" $1 "* ]]; }

peer_packages() {
  if wanted pgcopydb && [ -z "$pgcopydb" ]; then echo pgcopydb; fi
  if wanted handmade; then echo python3-psycopg2; fi
}

peer_versions() {
  printf 'libpq %s' "$(dpkg-query -W -f '${Version}' libpq5)"
  if wanted pgcopydb; then printf ', %s' "$("${pgcopydb:-pgcopydb}" --version 2>/dev/null | head -n 1)"; fi
  if wanted handmade; then printf ', psycopg2 %s' "$(/usr/bin/python3 -c 'import psycopg2; print(psycopg2.__version__)')"; fi
}

clone() {
  case $1 in
    pull-2) pull 2 counts ;;
    pull-1) pull 1 counts ;;
    pull-bare) pull 2 counts 'SET pagila_repl.statistics = off' ;;
    pull-content) pull 2 content ;;
    dump-restore) dump_and_restore ;;
    dump-analyze) dump_and_restore && vacuumdb --quiet --analyze-only --jobs=2 "$target" ;;
    dump-psql) pg_dump "$source" | run_psql "$target" ;;
    pgcopydb) timeout 1800 "${pgcopydb:-pgcopydb}" clone --source "$source" --target "$target" --dir "$work/scratch/pgcopydb" \
      --table-jobs 2 --index-jobs 2 ;;
    subscription) subscribe ;;
    handmade) /usr/bin/python3 "$bench/handmade.py" "$source" "$target" ;;
    basebackup) pg_basebackup --dbname="${source/\/bench?//postgres?}" --pgdata="$work/scratch/backup" \
      --checkpoint=fast --no-sync ;;
  esac
}

# pull WORKERS VERIFY [STATEMENT]
pull() {
  run_psql "$target" <<SQL | grep -x succeeded
CREATE EXTENSION pagila_repl;
CREATE SERVER source FOREIGN DATA WRAPPER pagila_repl
  OPTIONS (host '$work/source/socket', port '5432', dbname 'bench', trusted 'true');
CREATE USER MAPPING FOR CURRENT_USER SERVER source OPTIONS (user 'postgres');
LOAD 'pagila_repl';
${3:-};
SELECT status FROM pagila_replicate_from('source', workers => $1, verify => '$2');
SQL
}

dump_and_restore() {
  pg_dump --format=directory --jobs=2 --compress=0 --no-sync --file="$work/scratch/dump" "$source"
  pg_restore --jobs=2 --exit-on-error --dbname="$target" "$work/scratch/dump"
}

# What the manual says: the shape first, then the rows, and what replication does not carry by hand.
subscribe() {
  pg_dump --schema-only "$source" | run_psql "$target"
  run_psql "$source" -c 'CREATE PUBLICATION bench FOR ALL TABLES'
  run_psql "$target" -c "CREATE SUBSCRIPTION bench CONNECTION '$source' PUBLICATION bench"
  until [ "$(run_psql "$target" -c "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'")" = 0 ]; do
    sleep 0.2
  done
  run_psql "$source" -f "$bench/sequences.sql" | run_psql "$target"
  run_psql "$target" -c 'REFRESH MATERIALIZED VIEW public.rental_by_category'
  run_psql "$target" -c 'DROP SUBSCRIPTION bench'
  run_psql "$source" -c 'DROP PUBLICATION bench'
}
