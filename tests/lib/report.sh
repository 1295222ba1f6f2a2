# shellcheck shell=bash disable=SC2034
# tests/lib/report.sh: jobs with progress, result lines, the count at the end.
# Sourced by tests/run, examples/run and tests/bare.
#
#   LOGS=DIR                          where each job's output goes
#   job KEY LABEL COMMAND...          runs it; sets JOB_RC and JOB_MS
#   pool N DONE / pool_add / pool_wait   the same, N at a time
# errexit may be off in a job (bash ignores it below if, ||, &&), so functions
# that run as jobs join their steps with &&.
#   result LABEL passed failed skipped MS [LOG]

PASSED=0
FAILED=0
SKIPPED=0
SKIPS=()

if [ -t 1 ]; then ON_TTY=1; else ON_TTY=; fi

now_ms() { # into NOW
  local us=${EPOCHREALTIME//[.,]/}
  NOW=$((us / 1000))
}

seconds() { # MS -> "1.2 s"
  printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100))
}

wipe_line() {
  if [ "$ON_TTY" ]; then printf '\r\033[K'; fi
}

heading() { printf '\n%s\n' "$1"; }

# One line per thing done: label, verdict, remark, time.
line() {
  wipe_line
  local text
  printf -v text '  %-28s %-8s %-32s %9s' "$1" "$2" "$3" "$4"
  printf '%s\n' "${text%"${text##*[! ]}"}"
}

show_log() { # the end of a log, indented
  if [ -s "$1" ]; then tail -n "${2:-60}" "$1" | sed 's/^/    | /'; fi
}

counts() { # "3 passed, 1 failed"
  local text="$1 passed"
  if [ "$2" -gt 0 ]; then text+=", $2 failed"; fi
  if [ "$3" -gt 0 ]; then text+=", $3 skipped"; fi
  printf '%s' "$text"
}

# result LABEL passed failed skipped MS [LOG]: counts, prints, and shows the
# log of what failed.
result() {
  PASSED=$((PASSED + $2))
  FAILED=$((FAILED + $3))
  SKIPPED=$((SKIPPED + $4))
  local verdict=ok
  if [ "$3" -gt 0 ]; then verdict=FAILED; fi
  line "$1" "$verdict" "$(counts "$2" "$3" "$4")" "$(seconds "$5")"
  if [ "$3" -gt 0 ] && [ "${6:-}" ]; then show_log "$6"; fi
}

# check LABEL RC MS LOG: a thing that is one test of its own.
check() {
  if [ "$2" -eq 0 ]; then
    PASSED=$((PASSED + 1))
    line "$1" ok '' "$(seconds "$3")"
  else
    FAILED=$((FAILED + 1))
    line "$1" FAILED '' "$(seconds "$3")"
    show_log "$4"
  fi
}

remember_skip() { SKIPS+=("SKIP $1: $2"); } # counted elsewhere

skip() { # NAME REASON
  SKIPPED=$((SKIPPED + 1))
  remember_skip "$1" "$2"
  line "$1" skipped "$2" ''
}

# The last lines of a run; the status is that of the whole.
report() {
  echo
  if [ ${#SKIPS[@]} -gt 0 ]; then printf '%s\n' "${SKIPS[@]}"; fi
  if [ "$SKIPPED" -gt 0 ]; then
    echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
  else
    echo "$PASSED passed, $FAILED failed"
  fi
  [ "$FAILED" -eq 0 ] && [ "$PASSED" -gt 0 ]
}

# ---- jobs -------------------------------------------------------------------

POOL_SIZE=1
POOL_DONE=
JOB_LIMIT=900 # seconds after which a job is ended
declare -A POOL_KEY=() POOL_LABEL=() POOL_BEGIN=() POOL_SAID=()

log_of() { printf '%s/%s.log' "$LOGS" "${1//\//-}"; }

pool() { # SIZE DONE: calls DONE KEY RC MS LOG after each job
  POOL_SIZE=$1
  POOL_DONE=$2
}

pool_add() { # KEY LABEL COMMAND...
  local key=$1 label=$2
  shift 2
  while [ ${#POOL_KEY[@]} -ge "$POOL_SIZE" ]; do pool_turn; done
  "$@" >"$(log_of "$key")" 2>&1 </dev/null &
  now_ms
  POOL_KEY[$!]=$key
  POOL_LABEL[$!]=$label
  POOL_BEGIN[$!]=$NOW
  POOL_SAID[$!]=0
}

pool_wait() {
  while [ ${#POOL_KEY[@]} -gt 0 ]; do pool_turn; done
}

pool_turn() {
  local pid
  for pid in "${!POOL_KEY[@]}"; do
    if ! kill -0 "$pid" 2>/dev/null; then pool_reap "$pid"; else progress "$pid"; fi
  done
  sleep 0.05
}

pool_reap() {
  local pid=$1 rc=0
  local key=${POOL_KEY[$pid]} begin=${POOL_BEGIN[$pid]}
  wait "$pid" || rc=$?
  unset "POOL_KEY[$pid]" "POOL_LABEL[$pid]" "POOL_BEGIN[$pid]" "POOL_SAID[$pid]"
  now_ms
  wipe_line
  "$POOL_DONE" "$key" "$rc" $((NOW - begin)) "$(log_of "$key")"
}

# On a terminal the running job with its seconds; else a line after two seconds
# and then every thirty.
progress() {
  now_ms
  local s=$(((NOW - POOL_BEGIN[$1]) / 1000)) said=${POOL_SAID[$1]}
  if [ "$s" -ge "$JOB_LIMIT" ]; then overdue "$1"; fi
  if [ "$s" -lt 2 ] || [ "$s" -eq "$said" ]; then return; fi
  if [ "$ON_TTY" ]; then
    printf '\r\033[K  %s ... %d s' "${POOL_LABEL[$1]}" "$s"
    POOL_SAID[$1]=$s
  elif [ "$said" -eq 0 ]; then
    printf '  %s ...\n' "${POOL_LABEL[$1]}"
    POOL_SAID[$1]=$s
  elif [ "$s" -ge $((said + 30)) ]; then
    printf '  %s ... %d s\n' "${POOL_LABEL[$1]}" "$s"
    POOL_SAID[$1]=$s
  fi
}

overdue() {
  echo "ended after $JOB_LIMIT s" >>"$(log_of "${POOL_KEY[$1]}")"
  local pids
  mapfile -t pids < <(family "$1")
  kill -KILL "${pids[@]}" 2>/dev/null || true
}

keep_outcome() {
  JOB_RC=$2
  JOB_MS=$3
  JOB_LOG=$4
}

job() {
  pool 1 keep_outcome
  pool_add "$@"
  pool_wait
}

# A job's process and all below it. Criterion puts each test into a session of
# its own, so a process group is not enough.
family() { # PID...
  cat /proc/[0-9]*/status 2>/dev/null | awk -v roots="$*" '
    /^Pid:/ { pid = $2 }
    /^PPid:/ { parent[pid] = $2 }
    END {
      n = split(roots, root, " ")
      for (i = 1; i <= n; i++) mine[root[i]] = 1
      do {
        more = 0
        for (p in parent) if (!(p in mine) && parent[p] in mine) more = mine[p] = 1
      } while (more)
      for (p in mine) print p
    }'
}

end_jobs() { # for the EXIT trap
  local pids
  if [ ${#POOL_KEY[@]} -eq 0 ]; then return 0; fi
  mapfile -t pids < <(family "${!POOL_KEY[@]}")
  kill -TERM "${pids[@]}" 2>/dev/null || true
  sleep 0.3
  kill -KILL "${pids[@]}" 2>/dev/null || true
  wipe_line
}
