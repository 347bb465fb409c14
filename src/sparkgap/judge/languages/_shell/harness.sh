# Frames of text over descriptors 3 and 4: a length in bytes, a newline, a body. Both halves of a run read this file.

sparkgap_send() {
  local LC_ALL=C
  builtin printf '%d\n%s' "${#1}" "$1" >&4
}

sparkgap_receive() {
  local LC_ALL=C size
  IFS= builtin read -r -u 3 size || return 1
  IFS= builtin read -r -N "$size" -u 3 sparkgap_body || return 1
}

# --- The candidate's half: answers each call with the function's status and what it printed ---

sparkgap_serve() {
  builtin trap - EXIT ERR DEBUG RETURN
  builtin set +eux
  sparkgap_send L
  local text status
  while sparkgap_receive; do
    builtin eval "builtin set -- ${sparkgap_body:1}"
    text=$("$@" 3<&- 4>&- </dev/null)
    status=$?
    sparkgap_send "V$status $text"
  done
  builtin exit 0
}

# --- The examiner's half ---

sparkgap_json() {
  local LC_ALL=C out= char code i text=${1:0:600}
  for ((i = 0; i < ${#text}; i++)); do
    char=${text:i:1}
    case $char in
      [\"\\]) out+="\\$char" ;;
      [[:print:]]) out+=$char ;;
      *) printf -v code '%d' "'$char" && printf -v char '\\u%04x' "$((code & 255))" && out+=$char ;;
    esac
  done
  printf '"%s"' "$out"
}

# What a declared function becomes: the call goes across, and what came of it is printed.
sparkgap_call() {
  local quoted status
  printf -v quoted '%q ' "$@"
  printf '%s' "$quoted" >sparkgap.call
  : >sparkgap.answer
  sparkgap_send "C$quoted"
  sparkgap_receive || exit 73
  status=${sparkgap_body:1}
  status=${status%% *}
  sparkgap_body=${sparkgap_body#* }
  printf '%s' "$sparkgap_body" >sparkgap.answer
  [[ -z $sparkgap_body ]] || printf '%s\n' "$sparkgap_body"
  [[ $status == [0-9] || $status == [0-9][0-9] || $status == [0-9][0-9][0-9] ]] || return 1
  return "$status"
}

sparkgap_tests=0 sparkgap_missed=0 sparkgap_failure=

sparkgap_miss() {
  [[ $1 != "[[ "* ]] || ((sparkgap_tests -= 2)) # which the two commands of the trap have counted once more each
  ((sparkgap_missed++)) && return
  local call= answer=
  [[ ! -e sparkgap.call ]] || { call=$(<sparkgap.call) answer=$(<sparkgap.answer); }
  sparkgap_failure=",\"failure\":{\"test\":$(sparkgap_json "$1"),\"call\":$(sparkgap_json "${call% }"),\"actual\":$(sparkgap_json "$answer")}"
}

sparkgap_report() {
  local status=$1 passed
  trap - EXIT ERR DEBUG
  builtin set +e
  [[ $2 != "[[ "* ]] || ((sparkgap_tests--)) # the last command, which the trap of the end has counted once more
  passed=$((sparkgap_tests - sparkgap_missed))
  if ((sparkgap_missed == 0 && status != 0)); then sparkgap_miss "the tests ended with status $status"; fi
  ((passed < 0)) && passed=0
  if ((sparkgap_missed)); then
    local total=
    ((sparkgap_all)) && total=",\"total\":$sparkgap_tests"
    sparkgap_send "R{\"status\":\"wrong\",\"reason\":\"a test failed\",\"passed\":$passed$total$sparkgap_failure}"
  else
    sparkgap_send "R{\"status\":\"passed\",\"stage\":\"done\",\"passed\":$passed,\"total\":$sparkgap_tests}"
  fi
  exec 3<&- 4>&-
}
