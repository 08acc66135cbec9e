"""Lists a bucket with boto3 and says what it found. Usage: list_with_boto3.py BUCKET."""

import json
import sys

import boto3

answer = boto3.client("s3").list_objects_v2(Bucket=sys.argv[1])
print(json.dumps([entry["Key"] for entry in answer.get("Contents", [])]))
