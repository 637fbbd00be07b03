# Functions that find the settings of Open MPI on a node, for its facts, for settings.sh and for the health report of
# doctor.
# shellcheck shell=sh

# place_of VARIABLE: "FILE:LINE:VARIABLE" with the line of a start-up file that sets it; else its name.
place_of() {
  line=$(grep -s -n -m 1 "^[^#]*$1[= ]" "$HOME"/.bashrc "$HOME"/.bash_profile "$HOME"/.bash_login "$HOME"/.profile \
    "$HOME"/.zshenv "$HOME"/.zprofile "$HOME"/.zshrc "$HOME"/.cshrc "$HOME"/.tcshrc "$HOME"/.login \
    "$HOME"/.config/fish/config.fish "$HOME"/.ssh/environment "$HOME"/.pam_environment /etc/environment /etc/bash.bashrc \
    /etc/bashrc /etc/profile /etc/zsh/zshenv /etc/zshenv /etc/csh.cshrc /etc/profile.d/*.sh /dev/null | head -n 1)
  rest=${line#*:}
  case ${line%%:*} in '' | *' '*) printf '%s\n' "$1" ;; *) printf '%s\n' "${line%%:*}:${rest%%:*}:$1" ;; esac
}
# find_settings FOLDER: "NAME PLACE VALUE" for each setting, the one that Open MPI prefers first. FOLDER is where Open
# MPI is installed. PLACE is that of a variable, or "FILE:LINE".
find_settings() {
  env | sed -n 's/^\(\(OMPI\|PRTE\|PMIX\)_MCA_\([A-Za-z0-9_]*\)\)=\(.*\)/\3 \1 \4/p' |
    while read -r name variable value; do printf '%s\n' "$name $(place_of "$variable") $value"; done
  # shellcheck disable=SC2046 # several files
  for file in $(printf '%s\n' "${OMPI_MCA_mca_base_param_files-}" | tr ',:' '  ') \
    "$HOME"/.openmpi/mca-params.conf "$HOME"/.prte/mca-params.conf "$HOME"/.pmix/mca-params.conf \
    "$1"/etc/*mca-params.conf /etc/openmpi*/*mca-params.conf /etc/prte/*mca-params.conf /etc/pmix/*mca-params.conf; do
    [ -r "$file" ] || continue
    sed -n -e '=' -e 's/^[ \t]*\([A-Za-z0-9_]*\)[ \t]*=[ \t]*\(.*\)/\1 \2/p' "$file" | awk -v file="$file" '
      NF == 1 && $1 ~ /^[0-9]+$/ { number = $1; next }
      { name = $1; sub(/^[^ ]* /, ""); sub(/[ \t\r]+$/, ""); print name, file ":" number, $0 }'
  done
}
# chosen_settings FOLDER: the same without those of the system's files that only leave components out, or choose none:
# they are the distribution's. Without any other, settings.sh has nothing to do.
chosen_settings() {
  find_settings "$1" | awk '!($2 ~ "^/etc/" && ($3 ~ /^\^/ || $1 ~ /_/ && $1 !~ /_if_|^mca_base_env_list$/))'
}
# is_choice NAME: does it choose interfaces, components or algorithms, on which all nodes of a job must agree, or how
# and where daemons start? A job may fail because of it.
is_choice() {
  case $1 in
    *_if_include | *_if_exclude | ess | pml | btl | mtl | coll | coll_* | osc | rmaps | ras | oob | routed | odls | \
      rmaps_base_no_* | rmaps_*_policy | plm_rsh_agent | plm_ssh_agent | *_tmpdir_base | mca_base_component_path | \
      ptl | gds | psec | bfrops | pmix) ;;
    *) return 1 ;;
  esac
}
