#!/bin/sh
# need TOOL...: ends the program if the node lacks one of its tools. Without this, a missing tool looks like a full disk
# or like an archive that did not arrive. The program that follows has the function `die TEXT`.
need() {
  lacks=
  for tool; do command -v "$tool" >/dev/null 2>&1 || lacks="$lacks $tool"; done
  [ -z "$lacks" ] || die "ec2mpi needs programs that this node lacks:$lacks; install them"
}
