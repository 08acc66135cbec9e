"""A pod's program: lists a bucket with an unmodified boto3, configured by environment variables alone.

Usage: list_bucket.py BUCKET. Prints {"arn": the assumed role, "keys": […]}; or {"error": what boto3 says} and fails.
"""

import json
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def main():
    try:
        arn = boto3.client("sts").get_caller_identity()["Arn"]
        pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=sys.argv[1])
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    except (BotoCoreError, ClientError) as error:
        print(json.dumps({"error": str(error)}))
        return 1
    print(json.dumps({"arn": arn, "keys": keys}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
