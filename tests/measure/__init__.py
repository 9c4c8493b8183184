"""Keyway measured as a whole: beside its peers, and as things grow. Each module has one subject:

machine   what this machine is; pinning processes to cores; processor time, memory and free ports
programs  how each program is started: as shipped, with the options printed
clusters  proxies with nodes of our own, which can be put to sleep while others are measured
wrk       so many requests from so many connections, at little cost
loadgen   the load tool of this project: values of any size, an open loop, pictures
turns     every candidate in turn, again and again, so that a change of the machine's mood meets all of them alike
report    tables, ratios with their spread, goals, and what is kept of them in files

side_by_side and growth are the two commands that use them; `tests/side-by-side` and `tests/growth` start them.
"""
