"""What programs of others read of Keyway: metrics and alerts by Prometheus, a dashboard by Grafana, the interface in
OpenAPI. All of it is tried on a cluster that runs, by the tools that such programs are made with.

    python -m tests.interface metrics     what Prometheus and Grafana see; needs promtool and prometheus
    python -m tests.interface openapi     docs/openapi.yaml against the proxy; needs schemathesis

KEYWAY_BIN names the program. promtool and prometheus are looked for in the PATH, and where tests/run unpacks them.
"""
