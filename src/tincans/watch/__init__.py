"""The page on which every socket and every word can be seen, and the JSON and WebSocket API that it is made of.

    browser, or any program
      │ HTTP, WebSocket          page.py      uvicorn's protocols on the loop that runs already
      ▼
    guard.py, tokens.py          who is let in, and what a browser may do with what it is given
      ▼
    api.py, endpoints.py         the table of paths, and how a request becomes a call; openapi.py describes it
      │                          assets.py    the page's own files, in static/
      ├──► looking, reading, files, steering, standing, mails.py   the handlers: each gives a shape or a file
      └──► live.py, following.py, feed.py                     the WebSockets
             ▼
    lookout.py                   what holds now, asked for by all who look together; beside it chart, silences,
      │                          naming, speaking and arriving.py find out what takes longer
      ▼
    watched.py                   the journal, and in `tincans up` the switchboard and the register
    reels.py ──► reel.py, content.py, search.py, timeline.py  what was recorded, decoded by parts, in threads
    inboxes.py ──► parts.py, framed.py                        the mails that were taken, apart, and fit for a frame

`shapes.py`, `mailshapes.py` and `answers.py` are all the JSON that there is. Looking never holds the traffic up: what
takes long is done in threads that rest, and whatever is asked for again and again takes at most a tenth of the time.
"""
