# shellcheck shell=bash
# Completion of ec2mpi for bash. write_completion.py puts its tables, made of the program's own options, in front:
#   _ec2mpi_commands             prints all commands
#   _ec2mpi_flags COMMAND        prints the flags of a command
#   _ec2mpi_value COMMAND FLAG   prints the kind of the flag's value: nodes, node, files, folders, choices..., other, or no text
#   _ec2mpi_words COMMAND        prints the kind of the command's words

# The jobs of ec2mpi.toml, which may be hostile: only letters (of any language), digits, _ and - pass.
_ec2mpi_headings() {
  sed -n 's/^[[:space:]]*\[jobs\.\("\{0,1\}\)\([[:alnum:]_-]\{1,\}\)\1\][[:space:]]*\(#.*\)\{0,1\}$/\2/p' ec2mpi.toml 2>/dev/null
}

_ec2mpi_groups() {
  sed -n '/^[[:space:]]*\[groups\]/,/^[[:space:]]*\[/s/^[[:space:]]*\([A-Za-z0-9_-]\{1,\}\)[[:space:]]*=.*/@\1/p' \
    ec2mpi.toml 2>/dev/null
}

_ec2mpi_node() {
  printf 'master\n'
  ec2mpi nodes --format '{index}' 2>/dev/null </dev/null | sed 'p;s/^/node/'
}

_ec2mpi_nodes() {
  printf '%s\n' all workers failed
  _ec2mpi_node
  _ec2mpi_groups
}

# A job may have a script, too.
_ec2mpi_names() {
  local file
  {
    _ec2mpi_headings
    for file in run_*.sh; do
      file=${file#run_}
      [[ $file =~ ^[[:alnum:]_.-]+\.sh$ ]] && printf '%s\n' "${file%.sh}"
    done
  } | awk '!seen[$0]++'
}

_ec2mpi_signals() {
  _ec2mpi_jobs
  printf '%s\n' USR1 USR2 TSTP CONT STOP HUP INT TERM KILL
}

# The jobs and series that commands here have seen last, those first that ran then; names; and the ids of the jobs whose
# results are here.
_ec2mpi_jobs() {
  local file
  sed -n 's/^\([A-Za-z0-9_.-]\{1,\}\)$/\1/p' .ec2mpi/jobs 2>/dev/null
  _ec2mpi_names
  sed -n 's/^\([A-Za-z0-9_.-]\{1,\}\) .*/\1/p' .ec2mpi/jobs 2>/dev/null
  for file in results/*/; do
    file=${file#results/}
    [[ $file =~ ^[A-Za-z0-9_.-]+/$ ]] && printf '%s\n' "${file%/}"
  done
}

# Offers the lines of standard input that begin as the word does.
_ec2mpi_offer() {
  local line
  while IFS= read -r line; do
    [[ $line == "$1"* ]] && COMPREPLY+=("$2$line")
  done
}

_ec2mpi_complete() {
  local kind=$1 word=$2 before=
  case $kind in
    files) mapfile -t COMPREPLY < <(compgen -f -- "$word"); compopt -o filenames 2>/dev/null ;;
    folders) mapfile -t COMPREPLY < <(compgen -d -- "$word"); compopt -o filenames 2>/dev/null ;;
    nodes)
      [[ $word == *,* ]] && before=${word%,*},
      _ec2mpi_offer "${word##*,}" "$before" < <(_ec2mpi_nodes)
      ;;
    node | names | jobs | signals | commands) _ec2mpi_offer "$word" "" < <("_ec2mpi_$kind") ;;
    "choices "*) _ec2mpi_offer "$word" "" < <(tr ' ' '\n' <<<"${kind#choices }") ;;
  esac
}

_ec2mpi() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' i kind
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      --) _ec2mpi_complete files "$word"; return ;;
      --color) ((i += 1)) ;;
      -*) ;;
      *) [[ $command ]] || command=${COMP_WORDS[i]} ;;
    esac
  done
  [[ $before == "=" ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
  [[ $word == "=" ]] && word=""
  kind=$(_ec2mpi_value "$command" "$before")
  if [[ $kind ]]; then
    _ec2mpi_complete "$kind" "$word"
  elif [[ $word == -* ]]; then
    _ec2mpi_offer "$word" "" < <(_ec2mpi_flags "$command")
  elif [[ ! $command ]]; then
    _ec2mpi_offer "$word" "" < <(_ec2mpi_commands)
  else
    _ec2mpi_complete "$(_ec2mpi_words "$command")" "$word"
  fi
}

complete -o nosort -F _ec2mpi ec2mpi
