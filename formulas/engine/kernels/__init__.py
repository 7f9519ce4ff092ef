"""The steps and drivers as machine code: translated once, kept on disk, and loaded where much is to be computed.

Nothing here is imported before there is work for it, so that a process which never computes does not carry it.
"""
