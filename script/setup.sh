# What script/demo and script/test share: packages, the build, throw-away servers. Sourced, not run.
# Everything made at run time is under $work and goes when the script ends, however it ends.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${work_place:-/tmp}/pagila_repl.XXXXXX")
chmod 755 "$work"
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Packages of Debian 12. A server named by PG_CONFIG is taken as it is.
build_packages=(build-essential)
[ -n "${PG_CONFIG:-}" ] || build_packages+=(postgresql-15 postgresql-server-dev-15)

# The caller's settings are for the caller's servers.
for name in ${!PG@}; do
  [ "$name" = PG_CONFIG ] || unset "$name"
done
export LC_ALL=C.UTF-8

die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

headline() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || headline() { printf '\n== %s\n' "$*"; }

# quietly NAME COMMAND...: what the command prints goes to a log, shown if it fails. Not for functions of several steps.
quietly() {
  local log=$work/$1.log
  shift
  "$@" >"$log" 2>&1 </dev/null && return
  tail -n 60 "$log" >&2
  echo "failed: $*" >&2
  return 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root for \"$1\": run it as root, or install sudo"
  fi
}

# The server refuses to run as root.
as_server_user() {
  if [ "$(id -u)" = 0 ]; then
    runuser -u postgres -- "$@"
  else
    "$@"
  fi
}

# give_to_server_user PATH...: lets the servers' user own what this script made.
give_to_server_user() {
  if [ "$(id -u)" = 0 ]; then chown -R postgres: "$@"; fi
}

# install_packages PACKAGE...: those that are missing.
install_packages() {
  local package missing=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  if [ ${#missing[@]} = 0 ]; then return; fi
  command -v apt-get >/dev/null || die "missing: ${missing[*]} (this script can install them on Debian only)"
  echo "installing ${missing[*]}"
  quietly apt-update as_root apt-get update
  case " ${missing[*]} " in *' postgresql-15 '*) install_server ;; esac
  apt_install "${missing[@]}"
}

apt_install() {
  quietly "apt-$1" as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# The package would make and start a cluster of its own, which nobody asked for.
install_server() {
  local settings=/etc/postgresql-common/createcluster.conf status=0
  apt_install postgresql-common
  as_root cp -p "$settings" "$settings.before"
  echo 'create_main_cluster = false' | as_root tee -a "$settings" >/dev/null
  apt_install postgresql-15 || status=$?
  as_root mv "$settings.before" "$settings"
  return $status
}

# Sets PG_CONFIG, bindir and PATH to one server installation.
find_server() {
  if [ -z "${PG_CONFIG:-}" ]; then
    PG_CONFIG=/usr/lib/postgresql/15/bin/pg_config
    [ -x "$PG_CONFIG" ] || PG_CONFIG=$(command -v pg_config) || die "no pg_config found: set PG_CONFIG"
  fi
  export PG_CONFIG
  bindir=$("$PG_CONFIG" --bindir)
  export PATH=$bindir:$PATH
  if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || die "root cannot run a server, and there is no user postgres to run it"
  fi
  give_to_server_user "$work"
}

# build_and_install [VARIABLE=VALUE]: compiles what has changed, and installs the extension.
build_and_install() {
  quietly build make --silent -C "$root" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" "$@" &&
    quietly install as_root make --silent -C "$root" install PG_CONFIG="$PG_CONFIG"
}

# start_server DIR [LINE]...: a new cluster in DIR, reached only through the socket in DIR/socket, with these lines more in
# postgresql.conf. PGHOST and so on then name it.
start_server() {
  local dir=$1
  mkdir "$dir" "$dir/socket"
  chmod 700 "$dir/socket"
  give_to_server_user "$dir"
  quietly initdb as_server_user "$bindir/initdb" --pgdata="$dir/data" --auth=trust --username=postgres --encoding=UTF8 \
    --locale=C.UTF-8 --no-sync
  cat >>"$dir/data/postgresql.conf" <<END
listen_addresses = ''
port = 5432
unix_socket_directories = '$dir/socket'
timezone = 'UTC'
log_timezone = 'UTC'
fsync = off
END
  printf '%s\n' "${@:2}" >>"$dir/data/postgresql.conf"
  quietly start as_server_user "$bindir/pg_ctl" --pgdata="$dir/data" --log="$dir/log" --wait start ||
    { cat "$dir/log" >&2; return 1; }
  export PGHOST=$dir/socket PGPORT=5432 PGUSER=postgres PGCLIENTENCODING=UTF8
}

# stop_server DATA: the server whose data directory this is.
stop_server() {
  as_server_user "$bindir/pg_ctl" --pgdata="$1" --mode=fast --wait stop >/dev/null 2>&1 ||
    as_server_user "$bindir/pg_ctl" --pgdata="$1" --mode=immediate --wait stop >/dev/null 2>&1 || true
}

# Stops every server under $work, those of interrupted tests too, and removes it all.
clean_up() {
  local status=$? pid_file
  trap - EXIT
  trap '' INT TERM HUP
  cd /
  find "$work" -name postmaster.pid 2>/dev/null | while read -r pid_file; do
    stop_server "$(dirname "$pid_file")"
  done
  if mountpoint -q "$work/disk"; then as_root umount "$work/disk" || true; fi
  rm -rf "$work"
  exit $status
}
