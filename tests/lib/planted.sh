# shellcheck shell=bash
# tests/lib/planted.sh: the secrets that every client of every test has
# (tests/support/planted.h) are in nothing that was printed, in no encoding.
# Needs report.sh; ROOT is the repo, TMP a scratch directory.

planted_markers() { # out of the header that defines them
  sed -n 's/^#define PLANTED_\(SECRET\|PAYLOAD\) "\(.*\)"$/\2/p' \
    "$ROOT/tests/support/planted.h"
}

# base64 of a text behind N other bytes, what is of the text alone.
base64_behind() { # N TEXT
  local all first=$((($1 * 8 + 5) / 6)) end=$((($1 + ${#2}) * 8 / 6))
  all=$(printf '%.*s%s' "$1" xx "$2" | base64 -w 0)
  echo "${all:first:end-first}"
}

forms_of() { # TEXT
  local hex percent n
  hex=$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n')
  percent=$(printf %s "$1" | od -An -v -tx1 | tr -d '\n' | tr ' ' %)
  printf '%s\n' "$1" "$hex" "${hex^^}" "$percent" "${percent^^}"
  for n in 0 1 2; do base64_behind "$n" "$1"; done
}

planted_forms() {
  local marker
  for marker in $(planted_markers); do forms_of "$marker"; done
}

# The lines that hold one, in the files of DIR that this run wrote.
planted_hits() { # DIR
  planted_forms >"$TMP/forms"
  find "$1" -type f -newer "$BEGAN" -print0 |
    xargs -0 -r grep -aFHn -f "$TMP/forms" | cut -c 1-400
}

# Anything but forms that can be searched for would find nothing.
forms_are_good() { [ "$(planted_forms | grep -c '^[!-~]\{13,\}$')" -eq 16 ]; }

check_planted() { # DIR LABEL
  local hits=1
  if forms_are_good; then
    planted_hits "$1" >"$TMP/hits" || true # grep found nothing
    hits=$(wc -l <"$TMP/hits")
  else
    echo "tests/support/planted.h is not understood" >"$TMP/hits"
  fi
  check "$2: $hits planted secrets" "$((hits > 0))" 0 "$TMP/hits"
}
