"""The page on which every socket and every word can be seen, and its JSON and WebSocket API."""
