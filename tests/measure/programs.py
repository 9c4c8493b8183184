"""How each program is started. All of them listen on a free port and keep their files in one folder."""

import json
import os
import select
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from .machine import OTHER_CORE, PROXY_CORE, free_port, free_ports, pin


class Program:
    """A started process: `port` is where it listens, `pids` what counts as the program, `behind` what it asks."""

    def __init__(self, name, command, core, *, port, behind=(), environment=None, ready="/"):
        self.name, self.port, self.behind = name, port, list(behind)
        self.command = [str(part) for part in command]
        variables = {**os.environ, **(environment or {})}
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=variables
        )
        self.pids = [self.process.pid]
        if port:
            self.wait(ready)
            pin(self.process.pid, core)

    def wait(self, path):
        """Until it answers anything at all."""
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=1).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{self.name} does not answer: {' '.join(self.command)}")

    def ready(self, patience=60):
        """Waits for the line in which one of our programs says that it is ready, and what it says."""
        if not select.select([self.process.stdout], [], [], patience)[0]:
            raise SystemExit(f"{self.name} is not ready after {patience} s: {' '.join(self.command)}")
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended before it was ready: {' '.join(self.command)}")
        said = json.loads(line)
        self.port = int(said["listen"].rsplit(":", 1)[1])
        return said

    def signal(self, number):
        """Sends a signal, unless it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self):
        """Ends it, by force where it takes too long, and waits for that."""
        self.signal(signal.SIGTERM)
        # What stands still would never hear of it.
        self.signal(signal.SIGCONT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def keyway(binary, folder, nodes=3):
    """The proxy with its own nodes, as shipped; one worker, because it has one core."""
    command = [binary, "serve", "--listen", "127.0.0.1:0", "--nodes", nodes, "--workers", 1, "--data", folder / "keyway"]
    program = Program("keyway", command, PROXY_CORE, port=None)
    program.ready()
    children = Path(f"/proc/{program.process.pid}/task").glob("*/children")
    program.behind = [int(pid) for file in children for pid in file.read_text().split()]
    pin(program.process.pid, PROXY_CORE)
    for pid in program.behind:
        pin(pid, OTHER_CORE)
    return program


def kvnode(binary, folder, number):
    """A node that stands alone and serves every key."""
    program = kvnode_begun(binary, folder, f"a{number}")
    program.ready()
    program.http2 = program.port
    pin(program.process.pid, OTHER_CORE)
    return program


def kvnode_begun(binary, folder, name, environment=None):
    """A node that has only just been started, so that many can start at once; it is not bound to a core."""
    command = [binary, "kvnode", "--name", name, "--listen", "127.0.0.1:0", "--data", folder / name]
    return Program("kvnode", command, None, port=None, environment=environment)


def nginx_begin(folder, name):
    """Its configuration up to what it serves; all that it writes stays in the folder."""
    places = "".join(
        f"  {kind}_temp_path {folder}/{name}-{kind};\n" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    )
    return (
        f"daemon off;\nmaster_process off;\npid {folder}/{name}.pid;\nerror_log /dev/null;\n"
        "events { worker_connections 8192; }\n"
        f"http {{\n  access_log off;\n  keepalive_requests 1000000000;\n{places}"
    )


@dataclass
class Origin:
    """What a proxy is told of a server: where it takes HTTP/1.1 and HTTP/2, and the processes behind that."""

    port: int
    http2: int
    pids: list


class Origins(Program):
    """nginx that answers every request with 100 bytes: so many servers in one process, which cost little."""

    def __init__(self, folder, number, name="origins"):
        ports, file = free_ports(2 * number), folder / f"{name}.conf"
        pairs = list(zip(ports[:number], ports[number:]))
        listen = "".join(f"    listen 127.0.0.1:{port};\n    listen 127.0.0.1:{http2} http2;\n" for port, http2 in pairs)
        file.write_text(
            f"{nginx_begin(folder, name)}  server {{\n{listen}"
            f'    location / {{ return 200 "{"x" * 100}"; }}\n  }}\n}}\n'
        )
        super().__init__(name, ["nginx", "-c", file], OTHER_CORE, port=ports[0])
        self.each = [Origin(port, http2, self.pids) for port, http2 in pairs]


def haproxy(folder, origins, http2, name):
    """HAProxy as its users set it up for consistent hashing, or with HTTP/2 to its servers."""
    port = free_port()
    servers = "\n".join(
        f"  server s{number} 127.0.0.1:{origin.http2 if http2 else origin.port}{' proto h2' if http2 else ''}"
        for number, origin in enumerate(origins)
    )
    file = folder / f"{name}.cfg"
    file.write_text(
        "global\n  nbthread 1\n  maxconn 4000\n"
        "defaults\n  mode http\n  timeout client 30s\n  timeout server 30s\n  timeout connect 1s\n  http-reuse always\n"
        f"frontend f\n  bind 127.0.0.1:{port}\n  default_backend b\n"
        f"backend b\n  balance url_param key\n  hash-type consistent\n{servers}\n"
    )
    return Program(name, ["haproxy", "-db", "-f", file], PROXY_CORE, port=port, behind=pids_of(origins), ready="/kv?key=a")


def nginx(folder, origins, name):
    """nginx with `hash $arg_key consistent` and connections to its servers that are kept."""
    port = free_port()
    servers = "\n".join(f"    server 127.0.0.1:{origin.port};" for origin in origins)
    file = folder / f"{name}.conf"
    file.write_text(
        f"{nginx_begin(folder, name)}  upstream nodes {{\n    hash $arg_key consistent;\n{servers}\n    keepalive 512;\n"
        "    keepalive_requests 1000000000;\n  }\n"
        f"  server {{\n    listen 127.0.0.1:{port};\n    location / {{\n      proxy_pass http://nodes;\n"
        '      proxy_http_version 1.1;\n      proxy_set_header Connection "";\n    }\n  }\n}\n'
    )
    return Program(name, ["nginx", "-c", file], PROXY_CORE, port=port, behind=pids_of(origins), ready="/kv?key=a")


def pids_of(origins):
    """The processes behind all of these, each once."""
    return sorted({pid for origin in origins for pid in origin.pids})


def webdis(folder):
    """webdis in front of a Redis that syncs every write before it answers."""
    redis_port, port = free_port(), free_port()
    redis = Program(
        "redis",
        ["redis-server", "--port", redis_port, "--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always",
         "--save", "", "--dir", folder],
        OTHER_CORE, port=None,
    )
    time.sleep(0.5)
    pin(redis.process.pid, OTHER_CORE)
    file = folder / "webdis.json"
    file.write_text(json.dumps({
        "redis_host": "127.0.0.1", "redis_port": redis_port, "http_host": "127.0.0.1", "http_port": port, "threads": 2,
        "pool_size": 20, "daemonize": False, "websockets": False, "acl": [], "verbosity": 0,
        "logfile": str(folder / "webdis.log"),
    }))
    program = Program("webdis+redis", ["webdis", file], PROXY_CORE, port=port, behind=redis.pids)
    program.redis = redis
    return program


def etcd(folder):
    """etcd, asked through its JSON gateway."""
    port, peers = free_port(), free_port()
    command = [
        "etcd", "--data-dir", folder / "etcd", "--listen-client-urls", f"http://127.0.0.1:{port}",
        "--advertise-client-urls", f"http://127.0.0.1:{port}", "--listen-peer-urls", f"http://127.0.0.1:{peers}",
        "--initial-advertise-peer-urls", f"http://127.0.0.1:{peers}",
        "--initial-cluster", f"default=http://127.0.0.1:{peers}", "--log-level", "error",
    ]
    return Program("etcd", command, PROXY_CORE, port=port, ready="/health")
