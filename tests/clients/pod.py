"""Runs a program as in a pod of a cluster outside AWS: with a pod's environment, its token where the pod has it, and no network but AWS.

Usage: pod.py --proxy URL --ca FILE --token FILE --token-path PATH --host NAME… -- NAME=VALUE… PROGRAM ARGUMENT…

The program runs in a network namespace of its own without any route: AWS's host names lead to loopback, where a relay hands each
connection to the AWS double's CONNECT proxy through a Unix socket. So clients that know no proxy settings are reached too, and the
instance metadata address answers nobody, as in most networks that are not AWS's. Needs root, or user namespaces.
"""

import argparse
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading

BUNDLES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"]


def pipe(source, target):
    """Copies one direction of a connection until it ends."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def join(one, other):
    """Connects two sockets with each other, in both directions."""
    back = threading.Thread(target=pipe, args=(other, one), daemon=True)
    back.start()
    pipe(one, other)
    back.join()
    one.close()
    other.close()


def serve(listener, connect):
    """Joins each connection that arrives with a new one."""

    def handle(client):
        try:
            server = connect()
        except OSError as error:
            print(f"pod: {error}", file=sys.stderr)
            client.close()
            return
        join(client, server)

    while True:
        client, _ = listener.accept()
        threading.Thread(target=handle, args=(client,), daemon=True).start()


def start(listener, connect):
    listener.listen(64)
    threading.Thread(target=serve, args=(listener, connect), daemon=True).start()


def to_aws(proxy):
    """A connection to the double. Which service is meant it sees from the name in the TLS handshake."""
    host, port = proxy.removeprefix("http://").rstrip("/").rsplit(":", 1)
    server = socket.create_connection((host, int(port)), timeout=30)
    server.sendall(b"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: sts.amazonaws.com:443\r\n\r\n")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = server.recv(1)
        if not byte:
            raise OSError(f"the double's proxy hung up: {head!r}")
        head += byte
    if b" 200 " not in head.splitlines()[0]:
        raise OSError(f"the double's proxy refused: {head!r}")
    server.settimeout(None)
    return server


def to_socket(path):
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    return server


def outside(options, command):
    """Listens for the pod's connections and starts this script again in namespaces of its own."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "aws.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        start(listener, lambda: to_aws(options.proxy))
        namespaces = ["--mount", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
        inside = [sys.executable, os.path.abspath(__file__), "--inside", path, *sys.argv[1:]]
        return subprocess.run(["unshare", *namespaces, *inside], check=False).returncode


def loopback_up():
    request = struct.pack("16sh", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, 0x8914, request)  # SIOCSIFFLAGS


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def inside(options, command):
    """Makes the pod's network and files, and runs the program there."""
    loopback_up()
    directory = tempfile.mkdtemp(dir=os.path.dirname(options.inside))
    hosts = os.path.join(directory, "hosts")
    with open(hosts, "w", encoding="ascii") as file:
        file.write("127.0.0.1 localhost\n" + "".join(f"127.0.0.1 {host}\n" for host in options.host))
    mount("--bind", hosts, "/etc/hosts")
    for bundle in filter(os.path.exists, BUNDLES):
        mount("--bind", options.ca, os.path.realpath(bundle))
    with open(options.token, encoding="ascii") as file:
        token = file.read()
    # /var/run is a link to /run; nothing that is there is a pod's.
    mount("-t", "tmpfs", "tmpfs", "/run")
    os.makedirs(os.path.dirname(options.token_path), exist_ok=True)
    with open(options.token_path, "w", encoding="ascii") as file:
        file.write(token)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 443))
    start(listener, lambda: to_socket(options.inside))
    environment = {"PATH": os.environ["PATH"], "HOME": directory}
    while command and "=" in command[0]:
        name, value = command.pop(0).split("=", 1)
        environment[name] = value
    return subprocess.run(command, env=environment, check=False, stdin=subprocess.DEVNULL).returncode


def main():
    parser = argparse.ArgumentParser()
    for name in ["proxy", "ca", "token", "token-path"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--host", action="append", default=[])
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    at = sys.argv.index("--")
    options, command = parser.parse_args(sys.argv[1:at]), sys.argv[at + 1 :]
    sys.exit(inside(options, command) if options.inside else outside(options, command))


if __name__ == "__main__":
    main()
