#!/usr/bin/env bash
# Makes the secrets of compose.yaml in ./secrets, once: what is there stays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
umask 077
mkdir -p secrets

# make NAME BYTES: that many random bytes as hexadecimal digits.
make() {
  [ -s "secrets/$1" ] || od -An -N "$2" -tx1 /dev/urandom | tr -d ' \n' >"secrets/$1"
}

make token_key 32
make log_key 32
make mongo_keyfile 256
make mongo_password 24
make paicha_password 24
make s3_user 10
make s3_password 24
[ -s secrets/s3_keys ] || printf '%s\n%s\n' "$(cat secrets/s3_user)" "$(cat secrets/s3_password)" >secrets/s3_keys
[ -s secrets/store_url ] || printf 'mongodb://paicha:%s@mongo1,mongo2,mongo3/paicha?replicaSet=rs0&authSource=paicha\n' \
  "$(cat secrets/paicha_password)" >secrets/store_url
# Containers read their secrets as users of their own; the folder above keeps everybody else out.
chmod 700 secrets
chmod 444 secrets/*
chmod 400 secrets/mongo_keyfile
[ "$(id -u)" -ne 0 ] || chown 999 secrets/mongo_keyfile # mongod refuses a key file that others can read
echo "secrets are in deploy/secrets; keep a copy of token_key and log_key with your backups"
