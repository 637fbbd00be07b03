#!/bin/sh
# A function that asks the metadata service of the instance, by IMDSv2 only: first a token, then each key. In front of
# this text stands:
#   metadata_program  the text of metadata.py, for nodes without curl
#
#   metadata KEY...  prints "KEY VALUE" for each key that the service knows, within two seconds each. Status 3: the
#                    service does not answer, or there is neither curl nor python3.
#
# AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_DISABLED are honoured.
# shellcheck disable=SC2154 # metadata_program is set in front of this text
metadata() {
  at=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
  [ "$AWS_EC2_METADATA_DISABLED" = true ] && return 3
  if ! command -v curl >/dev/null 2>&1; then
    command -v python3 >/dev/null 2>&1 || return 3
    python3 -I -c "$metadata_program" "$at" "$@"
    return
  fi
  token=$(curl -q -sf -m 2 --noproxy '*' -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$at/latest/api/token") ||
    return 3
  for key; do
    value=$(curl -q -sf -m 2 --noproxy '*' -H "X-aws-ec2-metadata-token: $token" "$at/latest/meta-data/$key") &&
      printf '%s %s\n' "$key" "$value"
  done
  return 0
}
