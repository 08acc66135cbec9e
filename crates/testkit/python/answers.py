"""What an unmodified boto3 is answered, as JSON: {"tokens": {name: verdict}, "calls": {name: verdict}}.

Reads from standard input: {"role": ARN, "bucket": name, "tokens": {name: token}}. A verdict is "200" or
"<HTTP status> <error code>", as the raw client of the tests writes it.
"""

import json
import os
import sys
import tempfile

import boto3
from botocore.exceptions import ClientError


def verdict(call):
    try:
        call()
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return f"{status} {error.response['Error']['Code']}"
    return "200"


def web_identity_session(role, token):
    """A session that finds its credentials by the two variables alone, as in a pod."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write(token)
    os.environ["AWS_ROLE_ARN"] = role
    os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"] = file.name
    return boto3.session.Session(), file.name


def main():
    given = json.load(sys.stdin)
    role, bucket = given["role"], given["bucket"]
    sts = boto3.client("sts")
    tokens = {
        name: verdict(
            lambda: sts.assume_role_with_web_identity(
                RoleArn=role, RoleSessionName="test", WebIdentityToken=token
            )
        )
        for name, token in given["tokens"].items()
        # boto3 itself refuses a token that is too short or too long before it sends it.
        if 4 <= len(token) <= 20000
    }

    iam, s3 = boto3.client("iam"), boto3.client("s3")
    calls = {
        "GetCallerIdentity": verdict(sts.get_caller_identity),
        "GetRole": verdict(lambda: iam.get_role(RoleName="app")),
        "GetRole of none": verdict(lambda: iam.get_role(RoleName="none")),
        # The default puts a CRC32 in a trailer of an aws-chunked body.
        "PutObject": verdict(lambda: s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"hello")),
        "PutObject once": verdict(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")),
        "PutObject twice": verdict(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")),
        "GetObject": verdict(lambda: s3.get_object(Bucket=bucket, Key="a b/ü")["Body"].read()),
        "GetObject of none": verdict(lambda: s3.get_object(Bucket=bucket, Key="none")),
        "HeadObject of none": verdict(lambda: s3.head_object(Bucket=bucket, Key="none")),
        "another owner": verdict(
            lambda: s3.list_objects_v2(Bucket=bucket, ExpectedBucketOwner="210987654321")
        ),
    }
    document = iam.get_role(RoleName="app")["Role"]["AssumeRolePolicyDocument"]
    trusted = document["Statement"]
    trusted = trusted[0] if isinstance(trusted, list) else trusted
    body = s3.get_object(Bucket=bucket, Key="a b/ü")["Body"].read().decode()

    pod, file = web_identity_session(role, given["tokens"]["good"])
    arn = pod.client("sts").get_caller_identity()["Arn"]
    keys = [entry["Key"] for entry in pod.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    calls["pod writes"] = verdict(lambda: pod.client("s3").put_object(Bucket=bucket, Key="x", Body=b""))
    calls["pod reads IAM"] = verdict(lambda: pod.client("iam").get_role(RoleName="app"))
    os.unlink(file)

    json.dump(
        {
            "tokens": tokens,
            "calls": calls,
            "federated": trusted["Principal"]["Federated"],
            "body": body,
            "pod": arn.rsplit("/", 1)[0],
            "keys": keys,
        },
        sys.stdout,
    )


main()
