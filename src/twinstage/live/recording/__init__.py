"""Recordings at work: following a server or the twin beside it into a file, and serving a file again.

    files      the scene's files into a recording
    remote     a server elsewhere -> a recording
    beside     the hub in this process -> a recording
    opened     a recording -> a server;  desk: its playback over HTTP
    convert    a recording -> a page, or an MCAP file for other programs

All of them touch files; `remote` and `opened` the network and the clock.
"""
