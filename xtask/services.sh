#!/usr/bin/env bash
# Real servers, written by others, that conformance runs on. `cargo xtask live` calls this; by hand:
#   xtask/services.sh list | present NAME | install NAME | start NAME | env NAME | stop NAME
#
# A server is four functions; a provider's metadata names it (`live = "NAME"`):
#   svc_NAME_install   one of the installers below; does nothing when it is there already
#   svc_NAME_start     _svc_run NAME command..., then _svc_wait NAME until it answers
#   svc_NAME_stop      _svc_stop NAME
#   svc_NAME_env       prints KEY=VALUE lines for the tests: endpoint, test credentials (optional)
# Each listens on $SVC_HOST alone, takes its port from SVC_NAME_PORT with a default of its own, and keeps all its files in
# `_svc_dir NAME`. Only package registries are used (apt, PyPI, npm, crates).
#
# Environment: SVC_LAB (what is installed), SVC_DATA (files, logs and pids of a run), SVC_WAIT (seconds until ready).
: "${SVC_LAB:=${XDG_CACHE_HOME:-$HOME/.cache}/circle-services}"
: "${SVC_DATA:=$SVC_LAB/data}"
: "${SVC_HOST:=127.0.0.1}"
: "${SVC_WAIT:=60}"
: "${SVC_PYTHON:=3.11}"

# ---- running ---------------------------------------------------------------------------------
_svc_log() { printf '[services] %s\n' "$*" >&2; }
_svc_dir() { mkdir -p "$SVC_DATA/$1"; printf '%s' "$SVC_DATA/$1"; }
_svc_pidfile() { printf '%s/%s/pid' "$SVC_DATA" "$1"; }
_svc_alive() { local f; f=$(_svc_pidfile "$1"); [ -s "$f" ] && kill -0 "$(cat "$f")" 2>/dev/null; }

# NAME COMMAND... : in a session of its own, output to its log, pid (which is the process group) on record
_svc_run() {
  local n=$1 d; shift; d=$(_svc_dir "$n")
  if _svc_alive "$n"; then _svc_log "$n already runs (pid $(cat "$d/pid"))"; return 0; fi
  # In a subshell the child leads no group, so setsid does not fork and $! is the server's own pid.
  ( cd "$d" || exit 1; setsid "$@" >"$d/log" 2>&1 </dev/null & echo $! >"$d/pid" )
}

# NAME : TERM to the process group on record, KILL after 10 s
_svc_stop() {
  local n=$1 f p; f=$(_svc_pidfile "$n"); [ -s "$f" ] || return 0; p=$(cat "$f")
  kill -TERM -- "-$p" 2>/dev/null || kill -TERM "$p" 2>/dev/null
  for _ in $(seq 1 100); do kill -0 -- "-$p" 2>/dev/null || break; sleep 0.1; done
  kill -KILL -- "-$p" 2>/dev/null; rm -f "$f"; return 0
}

# NAME COMMAND... : until COMMAND succeeds, at most SVC_WAIT seconds; fails at once when the server died
_svc_wait() {
  local n=$1 end; shift; end=$(( $(date +%s) + SVC_WAIT ))
  while [ "$(date +%s)" -lt "$end" ]; do
    if "$@" >/dev/null 2>&1; then return 0; fi
    if ! _svc_alive "$n"; then _svc_log "$n died:"; tail -n 20 "$SVC_DATA/$n/log" >&2; return 1; fi
    sleep 0.25
  done
  _svc_log "$n not ready after ${SVC_WAIT} s:"; tail -n 20 "$SVC_DATA/$n/log" >&2; return 1
}
_svc_tcp() { (exec 3<>"/dev/tcp/$SVC_HOST/$1") 2>/dev/null; }
_svc_http() { local c; c=$(curl -ks -o /dev/null -m 5 -w '%{http_code}' "$1"); [ "$c" != 000 ] && [ "$c" -lt "${2:-500}" ]; }

# PostgreSQL, MariaDB and RabbitMQ refuse or dislike root.
_svc_as() { local u=$1; shift; if [ "$(id -u)" = 0 ]; then setpriv --reuid="$u" --regid="$u" --init-groups "$@"; else "$@"; fi; }

# ---- installing ------------------------------------------------------------------------------
# With SVC_INSTALL=no (what `present` sets) an installer fails where it would have to install.
_svc_may_install() { [ "${SVC_INSTALL:-yes}" = yes ]; }

# VENV FILE PACKAGE... : from PyPI, into $SVC_LAB/venv/VENV
_svc_pip() {
  local v=$1 b=$2; shift 2
  [ -e "$SVC_LAB/venv/$v/$b" ] && return 0
  _svc_may_install || return 1
  if [ ! -x "$SVC_LAB/uv/bin/uv" ]; then
    mkdir -p "$SVC_LAB" && python3 -m venv "$SVC_LAB/uv" && "$SVC_LAB/uv/bin/pip" -q install uv || return 1
  fi
  [ -x "$SVC_LAB/venv/$v/bin/python" ] || "$SVC_LAB/uv/bin/uv" venv -q -p "$SVC_PYTHON" "$SVC_LAB/venv/$v" || return 1
  VIRTUAL_ENV="$SVC_LAB/venv/$v" "$SVC_LAB/uv/bin/uv" pip install -q "$@"
}

# DIR PATH PACKAGE... : from npm, into $SVC_LAB/npm/DIR
_svc_npm() {
  local v=$1 b=$2; shift 2
  [ -e "$SVC_LAB/npm/$v/node_modules/$b" ] && return 0
  _svc_may_install || return 1
  mkdir -p "$SVC_LAB/npm/$v" && ( cd "$SVC_LAB/npm/$v" && { [ -f package.json ] || npm init -y >/dev/null; } && npm i --no-audit --no-fund --loglevel=error "$@" >/dev/null )
}

# DIR BINARY ARGUMENT... : `cargo install`, without debug info, into $SVC_LAB/cargo/DIR
_svc_cargo() {
  local v=$1 b=$2; shift 2
  [ -x "$SVC_LAB/cargo/$v/bin/$b" ] && return 0
  _svc_may_install || return 1
  CARGO_TARGET_DIR="$SVC_LAB/target" CARGO_PROFILE_DEV_DEBUG=0 cargo install -q --debug --root "$SVC_LAB/cargo/$v" "$@"
}

# FILE PACKAGE... : from apt, which must not start the package's own daemon
_svc_apt() {
  local b=$1; shift
  [ -e "$b" ] && return 0
  _svc_may_install || return 1
  if [ ! -e /usr/sbin/policy-rc.d ]; then printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
}

# ---- servers ---------------------------------------------------------------------------------
# None yet: every provider so far is embedded.

# ---- command line ----------------------------------------------------------------------------
_svc_list() { declare -F | sed -n 's/^declare -f svc_\(.*\)_start$/\1/p'; }
_svc_main() {
  local command=${1:-list} name=${2:-}
  case $command in
    list) _svc_list; return ;;
    present | install | start | env | stop) ;;
    *) _svc_log "usage: services.sh list | present NAME | install NAME | start NAME | env NAME | stop NAME"; return 2 ;;
  esac
  declare -F "svc_${name}_start" >/dev/null || { _svc_log "no server \`$name\`; there are: $(_svc_list | tr '\n' ' ')"; return 2; }
  case $command in
    present) SVC_INSTALL=no "svc_${name}_install" ;;
    env) if declare -F "svc_${name}_env" >/dev/null; then "svc_${name}_env"; fi ;;
    *) "svc_${name}_$command" ;;
  esac
}
if [ "${BASH_SOURCE[0]}" = "$0" ]; then _svc_main "$@"; exit; fi
