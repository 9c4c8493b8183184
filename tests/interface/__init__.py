"""What programs of others read of Keyway, tried on a cluster that runs, by the tools that such programs are made with.

    python -m tests.interface metrics     what Prometheus and Grafana see; needs promtool and prometheus

KEYWAY_BIN names the program. promtool and prometheus are looked for in the PATH, and where tests/run unpacks them.
"""
