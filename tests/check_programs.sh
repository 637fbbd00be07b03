#!/bin/sh
# Are the programs that run on nodes, our own scripts and the recipes of packages free of what linters find? Any shell may read a node's program.
# shellcheck disable=SC2044  # for over find: no path of ours has a blank
cd "$(dirname "$0")/.." || exit
failed=0
check() { "$@" || failed=1; }
for program in $(find src -name '*.sh'); do
  check shellcheck --shell=sh "$program"
  check dash -n "$program"
  check busybox sh -n "$program"
done
for program in $(find src -name '*.pl'); do check perl -c "$program" 2>/dev/null; done
for program in $(find src -name '*.py'); do
  check python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$program"
done
# mawk dies when it reads a file of a process that ends meanwhile (about one look of a hundred on a busy node). So where we
# look at processes, awk's getline reads only files that are named in full.
if grep -nE 'getline[^|<]*< *[^" ]' src/ops/process/*.sh src/ops/process/*.awk; then
  echo 'awk reads files of processes here; let grep or cat read them' >&2
  failed=1
fi
check shellcheck tests/*.sh .ci/run examples/*.sh packaging/completion/ec2mpi.bash
sed 's/{%.*%}//; s/{{[^}]*}}/value/' packaging/conda-forge/meta.yaml |
  /usr/bin/python3 -c 'import sys, yaml; yaml.safe_load(sys.stdin)' || failed=1
! command -v ruby >/dev/null || check ruby -c packaging/homebrew/ec2mpi.rb >/dev/null
exit $failed
