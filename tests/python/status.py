"""Anybody on the Internet: prints the HTTP status of an anonymous GET of each URL given, one line each.

HTTPS_PROXY and AWS_CA_BUNDLE from the environment; redirects are not followed.
"""

import os
import ssl
import sys
import urllib.error
import urllib.request


class Straight(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def main():
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), Straight)
    for url in sys.argv[1:]:
        try:
            print(opener.open(url, timeout=10).status)
        except urllib.error.HTTPError as error:
            print(error.code)


if __name__ == "__main__":
    main()
