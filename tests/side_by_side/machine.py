"""What this machine is, and what a process costs on it."""

import os
import platform
import socket
import subprocess
from pathlib import Path

# The proxy has a core for itself; the load and everything behind the proxy share the other one.
PROXY_CORE, OTHER_CORE = 0, 1


def describe():
    """The machine in one line."""
    model = next(
        (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}, load average {os.getloadavg()[0]:.1f}"


def version_of(*command):
    """The first line that a program says about its version."""
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return ((said.stdout or said.stderr).strip().splitlines() or ["?"])[0]


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


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


def memory_mib(pids):
    """Resident memory."""
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
