"""Lists a bucket with pyarrow's own S3 (the C++ SDK) and says what it found. Usage: list_with_pyarrow.py BUCKET."""

import json
import sys

from pyarrow import fs


def main():
    files = fs.S3FileSystem().get_file_info(fs.FileSelector(sys.argv[1]))
    print(json.dumps([file.base_name for file in files]))


main()
