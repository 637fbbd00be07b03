# Relays its standard input to that of job $id on the master, whose supervisor has made the pipe. It prints "begun" when
# it reads, and ends with its input, or when the job reads no more. A lost connection looks like the end of the input,
# so the client makes the file input.whole before the true end; without it, input.cut tells the supervisor that the job
# got only a part. Input that is typed is never cut: the file input says "typed".
# shellcheck shell=sh
# shellcheck disable=SC2154 # $id is set in front of this text

folder=$HOME/.ec2mpi/jobs/$id
tries=300
until [ -p "$folder/in.pipe" ]; do
  [ ! -f "$folder/exit" ] && [ $((tries -= 1)) -gt 0 ] || exit 0
  sleep 0.1
done
exec 5>"$folder/in.pipe" || exit 0
: >"$folder/input.begun"
trap '' HUP
echo begun
cat >&5 && [ ! -f "$folder/input.whole" ] && ! grep -qx typed "$folder/input" && : >"$folder/input.cut"
