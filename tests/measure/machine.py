"""What this machine is, and what a process costs on it."""

import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

# The proxy has a core for itself; the load and everything behind the proxy share the other one.
PROXY_CORE, OTHER_CORE = 0, 1


def prepare():
    """Lets this process and its children open as many files as they may, and end in order on SIGTERM."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    return hard


def name():
    """The machine, as it is the next time too."""
    model = next(
        (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}"


def describe():
    """The machine in one line, and how busy it is."""
    return f"{name()}, load average {os.getloadavg()[0]:.1f}"


def commit():
    """The commit of this working copy, and whether it was changed since."""
    git = ["git", "-C", Path(__file__).parent]
    known = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run([*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True)
    return (known.stdout.strip() or "unknown") + ("+changes" if changed.stdout.strip() else "")


def version_of(*command):
    """The first line that a program says about its version."""
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return ((said.stdout or said.stderr).strip().splitlines() or ["?"])[0]


def free_port():
    """A port that nobody listens on."""
    return free_ports(1)[0]


def free_ports(number):
    """Different ports that nobody listens on.

    >>> len(set(free_ports(300)))
    300
    """
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(number)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def pin(pid, *cores):
    """Binds all threads of a process to these cores."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), cores)


def processor_seconds(pids):
    """User and system time of all threads of these processes, to the nanosecond."""
    total = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            try:
                total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
            except FileNotFoundError:
                pass  # It has just ended.
    return total / 1e9


def memory_mib(pids, field="VmRSS"):
    """Resident memory."""
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def forget_peak(pids):
    """The peak of resident memory (`VmHWM`) is what these processes have now."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def disk_mib(folder):
    """What the files of a folder occupy."""
    return sum(path.lstat().st_blocks for path in Path(folder).rglob("*")) * 512 / 2**20


def calm(pids, patience=60):
    """Waits until these processes take less than a twentieth of a core, or the patience is at its end: what was
    written is still being put in order after the last answer. The seconds that it took."""
    begun = time.monotonic()
    while time.monotonic() - begun < patience:
        before = processor_seconds(pids)
        time.sleep(0.5)
        if processor_seconds(pids) - before < 0.025:
            break
    return time.monotonic() - begun
