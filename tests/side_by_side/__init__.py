"""Keyway and its peers, measured in turns on one machine. Each module has one subject:

machine   what this machine is; pinning processes to cores; processor time, memory and free ports
programs  how each program is started: as shipped, with the options printed
load      wrk: so many requests from so many connections
turns     every candidate in turn, again and again, so that a change of the machine's mood meets all of them alike
report    ratios with their spread
"""
