#!/bin/bash
# The life of a cluster by the EC2 API, without an account: up, run, stop, start, grow, down, on a test endpoint (tests/ec2)
# whose instances are Linux namespaces of this machine. Run it as root. It needs the packages of tests/packages.txt.
#
#   ./examples/ec2-rehearsal.sh [PROGRAM]      PROGRAM is the ec2mpi to use [build/release/ec2mpi, which it builds]
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath -m "${1:-build/release/ec2mpi}")
if (($# == 0)); then
  cmake --preset release >/dev/null
  cmake --build --preset release --target ec2mpi
fi

name=rehearsal-$$
folder=$(mktemp -d)
endpoint=
cluster() { tests/cluster/cluster --name "$name" "$@"; }
clean_up() {
  [[ -z $endpoint ]] || kill "$endpoint"
  cluster down || true
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# Shows a command as you would type it, then runs it on the "laptop", where the endpoint listens.
laptop() {
  printf '\n$ %s\n' "${*/#$program/ec2mpi}"
  cluster exec -- env -C "$folder" AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret-of-the-tests \
    AWS_REGION=us-east-2 AWS_ENDPOINT_URL="$url" EC2MPI_ADDRESS_SERVICE="$url" "$@"
}

cluster up 6 --bare
mkfifo "$folder/port"
tests/ec2/endpoint --cluster "$name" --state "$folder/endpoint.json" --spare >"$folder/port" &
endpoint=$!
read -r port <"$folder/port"
url=http://127.0.0.1:$port

laptop "$program" up 4 --type c5n.large --yes
laptop "$program" run -- hostname
laptop "$program" extend 4h
laptop "$program" status
laptop "$program" stop --yes
laptop "$program" start --yes
laptop "$program" exec-all --retries 5 true
laptop "$program" run -- hostname
laptop "$program" up --add 2 --yes
laptop "$program" run -- hostname
laptop "$program" down -w 5-6 --yes
laptop "$program" status --all-regions
laptop "$program" down --yes
laptop /usr/bin/aws --endpoint-url "$url" ec2 describe-instances \
  --query 'Reservations[].Instances[].[InstanceId,State.Name]' --output text
