#!/usr/bin/env bash
# deploy.sh STACK BUCKET [PARAMETER=VALUE ...]
#
# Deploys template.yaml, its code by way of the S3 bucket. Where to, and as whom, is for the AWS CLI's own settings:
# AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, ...
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: ${0##*/} STACK BUCKET [PARAMETER=VALUE ...]" >&2
    exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")"
stack="$1" bucket="$2"
shift 2
aws cloudformation package --template-file template.yaml --s3-bucket "$bucket" --output-template-file build/packaged.yaml
aws cloudformation deploy --template-file build/packaged.yaml --stack-name "$stack" --capabilities CAPABILITY_IAM \
    --no-fail-on-empty-changeset ${1:+--parameter-overrides "$@"}
