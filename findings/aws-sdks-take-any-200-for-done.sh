#!/usr/bin/env bash
# AWS's SDKs for Rust and Python: where an operation of IAM has no output, any answer with status 200 is success, whatever it says.
#
# The answer to iam:UpdateAssumeRolePolicy, DetachRolePolicy or UntagRole is an empty response element, and neither SDK reads it. A page of a
# proxy, a login form or a load balancer's greeting, answered with 200, therefore is "done": no error, and nothing has happened in AWS. An
# operation with an output (iam:GetRole) fails on the same page. So a program that changes IAM through an endpoint that may not be AWS
# (AWS_ENDPOINT_URL, an intercepting proxy) has to look at the answer itself, or read back what it wrote.
#
# Needs cargo (Rust >= 1.91) and python3. Exit 0: behaves as described. Exit 1: it does not any more, and says what it saw.
set -euo pipefail
sdk=1.133.0
botocore=1.44.5

directory=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$directory"
}
trap finish EXIT
cd "$directory"

cat > page.py <<'PYTHON'
import http.server
import sys


class Page(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"<html><body>Please log in</body></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
print(server.server_address[1], flush=True)
server.serve_forever()
PYTHON
python3 page.py > port &
server=$!
until [ -s port ]; do sleep 0.1; done
endpoint="http://127.0.0.1:$(cat port)"

mkdir -p rust/src
cat > rust/Cargo.toml <<TOML
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
aws-sdk-iam = { version = "=$sdk", default-features = false, features = ["behavior-version-latest", "rt-tokio", "default-https-client"] }
tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
TOML
cat > rust/src/main.rs <<'RUST'
use aws_sdk_iam::{Client, Config, config::{Credentials, Region}};

#[tokio::main]
async fn main() {
    let endpoint = std::env::args().nth(1).expect("an endpoint");
    let config = Config::builder()
        .behavior_version_latest()
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "given"))
        .build();
    let iam = Client::from_conf(config);
    let written = iam.update_assume_role_policy().role_name("app").policy_document("{}").send().await;
    let read = iam.get_role().role_name("app").send().await;
    println!("write={} read={}", said(written.is_ok()), said(read.is_ok()));
}

fn said(ok: bool) -> &'static str {
    if ok { "success" } else { "error" }
}
RUST
(cd rust && cargo build --quiet)
rust=$(rust/target/debug/finding "$endpoint")
echo "aws-sdk-iam $sdk on a login page with status 200: $rust"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "botocore==$botocore"
python=$(AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null \
  venv/bin/python - "$endpoint" <<'PYTHON'
import sys

import botocore.session
from botocore.config import Config

iam = botocore.session.get_session().create_client(
    "iam", region_name="us-east-1", endpoint_url=sys.argv[1], config=Config(retries={"total_max_attempts": 1})
)


def said(call):
    try:
        call()
        return "success"
    except Exception:
        return "error"


written = said(lambda: iam.update_assume_role_policy(RoleName="app", PolicyDocument="{}"))
print(f"write={written} read={said(lambda: iam.get_role(RoleName='app'))}")
PYTHON
)
echo "botocore $botocore on the same page: $python"

if [ "$rust" = "write=success read=error" ] && [ "$python" = "write=success read=error" ]; then
  echo "as described: what has no output is done as soon as somebody answers 200"
else
  echo "one of the two behaves differently now" >&2
  exit 1
fi
