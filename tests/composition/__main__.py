"""The story of a cluster in containers; each step is a claim, and the clients write all the while."""

import json
import os
import signal
import sys
import time

import requests

from .compose import Failed, Project, eventually, inspect, run
from .ledger import Ledger

# Debian takes 80 MB of it. A compiler that was left in would double it.
LARGEST_IMAGE = 130 << 20
USER = "10001"


def without_secrets_nothing_starts_and_the_way_out_is_named(project, _):
    done = project.compose("up", "-d", check=False)
    said = done.stdout + done.stderr
    if done.returncode == 0 or "docker/new-secrets" not in said or project.containers("proxy"):
        raise Failed(f"exit code {done.returncode}: {said}")
    project.make_secrets()
    if project.env_file.stat().st_mode & 0o077:
        raise Failed("others can read the secrets")
    again = run(str(project.scratch / "docker/new-secrets"), check=False)
    if again.returncode == 0:
        raise Failed("secrets that are in use were replaced")


def the_image_is_built_small_and_without_tools(project, _):
    # Optimised less than what is shipped, because that takes minutes more.
    arguments = ["CARGO_PROFILE_RELEASE_LTO=off", "CARGO_PROFILE_RELEASE_OPT_LEVEL=1"]
    arguments = [word for argument in arguments for word in ("--build-arg", argument)]
    project.compose("build", *arguments, "proxy", limit=1500)
    size = json.loads(run("docker", "image", "inspect", project.image).stdout)[0]["Size"]
    if size > LARGEST_IMAGE:
        raise Failed(f"the image has {size >> 20} MiB")
    print(f"   the image has {size >> 20} MiB", flush=True)
    script = "for tool in cc gcc cargo rustc make; do command -v $tool; done; ls -d /src; true"
    found = run("docker", "run", "--rm", "--entrypoint", "sh", project.image, "-c", script).stdout.split()
    if found:
        raise Failed(f"the image has {found}")


def up_brings_a_proxy_and_three_nodes_that_serve(project, ledger):
    project.up()
    project.healthy()
    project.serves("n1", "n2", "n3")
    ledger.start()
    written(ledger, 200)


def containers_run_as_nobody_special_and_cannot_write_to_their_system(project, _):
    for container in project.containers("proxy") + project.containers("kvnode"):
        user = run("docker", "exec", container, "id", "-u").stdout.strip()
        if user != USER:
            raise Failed(f"a process runs as user {user}")
        for place in ("/usr/local/bin/x", "/tmp/x", "/etc/x"):
            if run("docker", "exec", container, "touch", place, check=False).returncode == 0:
                raise Failed(f"{place} can be written")
        status = run("docker", "exec", container, "cat", "/proc/1/status").stdout
        if "CapEff:\t0000000000000000" not in status or "NoNewPrivs:\t1" not in status:
            raise Failed(status)


def the_admin_plane_needs_the_token_and_nodes_are_not_reached_from_outside(project, _):
    answer = requests.post(f"http://127.0.0.1:{project.port}/remove-server?name=n1", timeout=15)
    if answer.status_code != 401:
        raise Failed(f"without the token: {answer.status_code} {answer.text}")
    for container in project.containers("kvnode"):
        if any(inspect(container)["NetworkSettings"]["Ports"].values()):
            raise Failed("a node's port is published")


def two_more_replicas_join_and_get_their_keys(project, ledger):
    project.up("--scale", "kvnode=5")
    project.serves("n1", "n2", "n3", "n4", "n5")
    project.healthy()
    written(ledger, 200)
    verified(project)
    changes = json.loads(project.keyway("changes", "--json").stdout)["changes"]
    if sum(change["kind"] == "add-server" and change["state"] == "done" for change in changes) != 5:
        raise Failed(f"not five nodes were added: {changes}")
    counts = json.loads(project.keyway("verify", "--json").stdout)["nodes"]
    if any(node["owned"]["records"] == 0 for node in counts):
        raise Failed(f"a node has no keys: {counts}")


def whichever_containers_are_stopped_after_a_removal_the_members_go_on(project, ledger):
    # Compose stops the containers with the highest numbers, so nodes of others are removed: the worst case.
    leaving = sorted(name for name in project.nodes() if number_of(project, name) <= 2)
    staying = sorted(set(project.nodes()) - set(leaving))
    for name in leaving:
        project.keyway("remove-server", name)
    project.up("--scale", "kvnode=3")
    project.serves(*staying)
    project.healthy()
    written(ledger, 200)
    verified(project)


def scaled_up_again_new_nodes_join(project, ledger):
    before = set(project.nodes())
    project.up("--scale", "kvnode=4")
    project.serves(*before, "n6")
    project.keyway("remove-server", "n6")
    project.up("--scale", "kvnode=3")
    project.serves(*before)
    written(ledger, 200)
    verified(project)


def a_killed_process_is_started_again_as_the_node_that_it_was(project, ledger):
    members = sorted(project.nodes())
    ring = ring_of(project)
    containers = [project.container_of(members[0]), *project.containers("proxy")]
    for container in containers:
        kill(container)
    project.serves(*members)
    project.healthy()
    written(ledger, 200)
    if ring_of(project) != ring:
        raise Failed("a restart changed the ring")


def a_node_that_is_cut_off_is_missed_and_found_again(project, ledger):
    members = sorted(project.nodes())
    network, container = f"{project.name}_nodes", project.container_of(members[1])
    run("docker", "network", "disconnect", network, container)
    eventually("the proxy misses it", 30, lambda: None if project.nodes()[members[1]]["state"] == "down" else "up")
    written(ledger, 20)
    run("docker", "network", "connect", network, container)
    project.serves(*members)
    written(ledger, 200)


def containers_made_anew_are_the_same_nodes(project, ledger):
    members = sorted(project.nodes())
    before = project.containers("kvnode")
    ring = ring_of(project)
    project.up("--force-recreate", limit=240)
    project.serves(*members)
    project.healthy()
    if set(before) & set(project.containers("kvnode")):
        raise Failed("the containers are the old ones")
    if ring_of(project) != ring:
        raise Failed("containers made anew changed the ring")
    written(ledger, 200)


def a_stop_is_clean_and_in_time_and_the_data_outlives_the_containers(project, ledger):
    members = sorted(project.nodes())
    project.compose("stop")
    for container in project.containers("proxy") + project.containers("kvnode"):
        state = inspect(container)["State"]
        if state["ExitCode"] != 0 or state["OOMKilled"]:
            raise Failed(f"it ended with {state}")
    project.compose("down")
    project.up()
    project.serves(*members)
    written(ledger, 200)


def nothing_that_was_acknowledged_is_lost(project, ledger):
    ledger.stop()
    project.serves(*sorted(project.nodes()))
    there = ledger.check()
    if ledger.wrong:
        raise Failed(f"{len(ledger.wrong)} wrong answers, for example " + "\n".join(ledger.wrong[:5]))
    counted = verified(project)
    if counted != there:
        raise Failed(f"verify counts {counted} keys, and {there} were read")
    unknown = sum(map(len, ledger.unknown.values()))
    print(f"   {ledger.count} acknowledged writes of {there} keys; {unknown} without an answer, of which reads found "
          f"{ledger.late} times one that was applied late", flush=True)


def nothing_is_left_behind(project, _):
    project.clean_up()
    of_project = ("--filter", f"label=com.docker.compose.project={project.name}")
    left = [
        *run("docker", "ps", "--all", "--quiet", *of_project).stdout.split(),
        *run("docker", "volume", "ls", "--quiet", *of_project).stdout.split(),
        *run("docker", "network", "ls", "--quiet", *of_project).stdout.split(),
        *run("docker", "images", "--quiet", project.image).stdout.split(),
    ]
    if left:
        raise Failed(f"left: {left}")


STORY = [
    without_secrets_nothing_starts_and_the_way_out_is_named,
    the_image_is_built_small_and_without_tools,
    up_brings_a_proxy_and_three_nodes_that_serve,
    containers_run_as_nobody_special_and_cannot_write_to_their_system,
    the_admin_plane_needs_the_token_and_nodes_are_not_reached_from_outside,
    two_more_replicas_join_and_get_their_keys,
    whichever_containers_are_stopped_after_a_removal_the_members_go_on,
    scaled_up_again_new_nodes_join,
    a_killed_process_is_started_again_as_the_node_that_it_was,
    a_node_that_is_cut_off_is_missed_and_found_again,
    containers_made_anew_are_the_same_nodes,
    a_stop_is_clean_and_in_time_and_the_data_outlives_the_containers,
    nothing_that_was_acknowledged_is_lost,
    nothing_is_left_behind,
]


def written(ledger, count):
    """Waits until so many more writes were acknowledged; fails at the first wrong read."""
    goal = ledger.count + count
    eventually(f"{count} more writes", 30, lambda: None if ledger.count >= goal else f"{goal - ledger.count} to go")
    if ledger.wrong:
        raise Failed(ledger.wrong[0])


def verified(project):
    """How many keys there are, each on its owner and nowhere else."""
    done = project.keyway("verify", "--json", check=False)
    if done.returncode != 0:
        raise Failed(f"verify: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)["keys"]


def ring_of(project):
    """What a restart must not change: the ring, and how many changes there were."""
    changes = json.loads(project.keyway("changes", "--json").stdout)["changes"]
    shares = {name: node["share"] for name, node in project.nodes().items()}
    return shares, len(changes)


def number_of(project, node):
    return project.containers("kvnode").index(project.container_of(node)) + 1


def kill(container):
    """As the kernel kills: Docker does not know that somebody wanted it, so it starts the container again."""
    try:
        os.kill(inspect(container)["State"]["Pid"], signal.SIGKILL)
    except PermissionError:
        run("docker", "kill", container)
        run("docker", "start", container)


def main():
    project = Project()
    ledger = Ledger(project.port)
    passed, began = 0, time.monotonic()
    print(f"== {' '.join(project.program)}, project {project.name}, port {project.port}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        for step in STORY:
            began_step = time.monotonic()
            step(project, ledger)
            passed += 1
            print(f"{step.__name__} ... ok, {time.monotonic() - began_step:.0f} s", flush=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, the containers must go
        print(f"{STORY[passed].__name__} ... FAILED: {error}", flush=True)
        print(project.logs(), flush=True)
    finally:
        ledger.stop()
        project.clean_up()
    failed = int(passed < len(STORY))
    print(f"test result: {'FAILED' if failed else 'ok'}. {passed} passed; {failed} failed; 0 ignored; "
          f"finished in {time.monotonic() - began:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
