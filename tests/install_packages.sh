#!/bin/bash
# Installs those packages of packages.txt that are missing. Says nothing and takes no time if none is.
set -euo pipefail
mapfile -t wanted < <(grep -v '^#' "$(dirname "$0")/packages.txt" | grep .)
missing=()
for package in "${wanted[@]}"; do
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
((${#missing[@]} == 0)) && exit
as_root=(env DEBIAN_FRONTEND=noninteractive)
((EUID == 0)) || as_root=(sudo "${as_root[@]}")
echo "installing: ${missing[*]}"
"${as_root[@]}" apt-get -qq update
"${as_root[@]}" apt-get -qq install --no-install-recommends -y "${missing[@]}" >/dev/null
