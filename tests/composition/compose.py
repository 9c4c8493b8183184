"""One project of compose.yaml, with a name, an image, a port and secrets of its own."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]


class Failed(Exception):
    """A promise does not hold."""


def run(*command, env=None, limit=120, check=True):
    """What a command says; its error, where it is to succeed and does not."""
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=limit, check=False)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def eventually(what, limit, look):
    """Looks until `look` gives no complaint."""
    until = time.monotonic() + limit
    while True:
        complaint = look()
        if complaint is None:
            return
        if time.monotonic() > until:
            raise Failed(f"not within {limit} s: {what}. At the last look: {complaint}")
        time.sleep(0.25)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Project:
    """It is gone, with all that it made, when `clean_up` has returned."""

    def __init__(self):
        self.name = f"keyway-test-{os.getpid()}"
        self.image = f"{self.name}:image"
        self.port = free_port()
        self.scratch = Path(tempfile.mkdtemp(prefix="keyway-compose-"))
        self.env_file = self.scratch / ".env"
        self.no_secrets = self.scratch / "empty.env"
        self.no_secrets.touch()
        self.program = ["docker", "compose"]
        if run("docker", "compose", "version", check=False).returncode != 0:
            self.program = ["docker-compose"]
        # What this shell has set, or an .env of somebody who uses this folder, must not play a part.
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("KEYWAY_")}
        self.env |= {"KEYWAY_IMAGE": self.image, "KEYWAY_PUBLISH": f"127.0.0.1:{self.port}"}

    def make_secrets(self):
        """By the script that the README names, beside which it writes."""
        (self.scratch / "docker").mkdir()
        script = shutil.copy(HERE / "docker/new-secrets", self.scratch / "docker")
        run(script)

    def compose(self, *arguments, **options):
        """docker compose with these arguments."""
        env_file = self.env_file if self.env_file.exists() else self.no_secrets
        return run(*self.program, "-p", self.name, "--env-file", str(env_file), *arguments, env=self.env, **options)

    def up(self, *arguments, limit=120):
        self.compose("up", "-d", *arguments, limit=limit)

    def keyway(self, *arguments, check=True, limit=120):
        """The client commands. By `docker exec`, since `docker-compose exec` takes seconds more to start each time."""
        (proxy,) = self.containers("proxy")
        return run("docker", "exec", proxy, "keyway", *arguments, check=check, limit=limit)

    def containers(self, service):
        """The ids of the containers of a service, in the order of their numbers; also of those that do not run."""
        labels = [f"com.docker.compose.project={self.name}", f"com.docker.compose.service={service}"]
        filters = [word for label in labels for word in ("--filter", f"label={label}")]
        ids = run("docker", "ps", "--all", "--quiet", "--no-trunc", *filters).stdout.split()
        label = "com.docker.compose.container-number"
        numbers = {it: int(inspect(it)["Config"]["Labels"][label]) for it in ids} if len(ids) > 1 else {}
        return sorted(ids, key=numbers.get) if numbers else ids

    def nodes(self):
        """The members by name: what `keyway status` says of each."""
        done = self.keyway("status", "--json", check=False)
        if not done.stdout.startswith("{"):
            return {}
        return {node["name"]: node for node in json.loads(done.stdout)["ring"]["nodes"]}

    def serves(self, *names, limit=60):
        """Waits until these are the nodes, all of them up, and nothing is left to do."""

        def look():
            nodes = self.nodes()
            wrong = sorted(nodes) != sorted(names) or any(node["state"] != "up" for node in nodes.values())
            if wrong:
                return {name: node["state"] for name, node in nodes.items()}
            changes = json.loads(self.keyway("changes", "--json").stdout)["changes"]
            unended = [change for change in changes if change["state"] not in ("done", "failed", "cancelled")]
            return str(unended) if unended else None

        eventually(f"the nodes are {', '.join(names)}, and up", limit, look)

    def container_of(self, node):
        """The container in which a node runs: its URL has the container's name."""
        host = self.nodes()[node]["url"].removeprefix("http://").split(":")[0]
        return next(it for it in self.containers("kvnode") if it.startswith(host))

    def healthy(self, limit=60):
        def look():
            states = [inspect(it)["State"] for service in ("proxy", "kvnode") for it in self.containers(service)]
            health = [state.get("Health", {}).get("Status") for state in states]
            return None if health and set(health) == {"healthy"} else health

        eventually("every container is healthy", limit, look)

    def logs(self):
        return self.compose("logs", "--no-color", "--tail=40", check=False).stdout

    def clean_up(self):
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5", check=False)
        run("docker", "rmi", "--force", self.image, check=False)
        # What a build leaves, and only this one: the base images that tests/compose made hand on their label.
        run("docker", "container", "prune", "--force", "--filter", "label=keyway.test-base=yes", check=False)
        run("docker", "image", "prune", "--force", "--filter", "label=keyway.test-base=yes", check=False, limit=300)
        shutil.rmtree(self.scratch, ignore_errors=True)


def inspect(container):
    return json.loads(run("docker", "inspect", container).stdout)[0]
