"""How Keyway behaves as things grow. Each module is one subject and has one function, `measure`:

nodes         what a request costs the proxy with more nodes on the ring
connections   throughput, latency, processor time and memory with more clients; connections that are idle
keys          memory, disk, start-up and latency of one node with more keys
values        throughput and latency with larger values
moves         how fast keys move to a node that joins, and what clients notice of it
"""
