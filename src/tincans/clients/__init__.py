"""Clients: what asks the servers that people already have: files by HTTP and FTP, mails by SMTP and POP3.

`calling` turns a URL into a channel; above it each protocol has a module, and what they have in common (a tree that is
mirrored, a file that is resumed) is written once.
"""
