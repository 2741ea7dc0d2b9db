"""Mail: a server that takes every mail and keeps it (SMTP, LMTP), one that gives them out (POP3), and their store."""
