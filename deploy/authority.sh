#!/bin/sh
# Makes a certificate authority of one's own, and a certificate for each name given, where there is none yet. For networks that
# the world's authorities do not know; who trusts ca.pem (NODE_EXTRA_CA_CERTS) trusts them.
#
#   authority.sh <folder> <owner of the keys> <name> ...
set -eu
folder=$1
owner=$2
shift 2
mkdir -p "$folder"
cd "$folder"
umask 077
ec="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
if [ ! -f ca.key ]; then
  openssl req -x509 $ec -keyout ca.key -out ca.pem -days 3650 -subj "/CN=own authority"
  chmod 644 ca.pem
fi
for name in "$@"; do
  [ -f "$name.pem" ] && continue
  openssl req $ec -keyout "$name.key" -out "$name.csr" -subj "/CN=$name"
  printf 'subjectAltName=DNS:%s,DNS:localhost,IP:127.0.0.1\n' "$name" > "$name.ext"
  openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -extfile "$name.ext" -out "$name.pem"
  rm "$name.csr" "$name.ext"
  chown "$owner" "$name.key"
  chmod 644 "$name.pem"
done
chmod 755 .
