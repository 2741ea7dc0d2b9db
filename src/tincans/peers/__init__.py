"""Programs that are client and server at once: who they are, whom they know, and what they tell each other.

    identity.py   who one is: an Ed25519 key, and the fingerprint that people compare
    known.py      whom one knows: a file as SSH's known_hosts, and who is let in that is not in it
    tls.py        mutual TLS between two keys, on the port of a hub
    posts.py      what was said: signed, numbered by its author, and knowing what came before it
    causal.py     the order: each post once, causes first; what another lacks
    store.py      where the newest posts are kept, so that who was away catches up from anybody
    roster.py     who belongs to a mesh: who was introduced by somebody who belongs to it
    wire.py       what two peers say to each other
    links.py      one connection between two peers
    mesh.py       all of them together
    finding.py    who is on the local network, by mDNS

    naming.py sealing.py                     names; statements that are signed
    log.py segments.py                       a file that only grows; several, of which the oldest is forgotten
    intake.py                                what becomes of a post that a link brings
    presences.py presenting.py               who is on the mesh, in their own words and in ours
    seeking.py calls.py                      whom a mesh calls, and how often
    news.py                                  what it tells whoever uses it

and how two people who know nothing of each other do, and what files they pass:

    words.py codes.py      a code that is said: 7-hovercraft-orbit
    pairing.py             by which two get to know each other's keys, whoever is in between
    invitations.py         a code that is open, and the guesses that it bears
    notices.py hosts.py    where it is, by mDNS
    frames.py passing.py   what is said when files are passed
    giving.py taking.py    its two ends; loads.py: what is given; arrivals.py landing.py: where it comes to be
    sending.py receiving.py awaiting.py parties.py transfers.py     send and receive
    offers.py              files offered to a room, fetched from whoever has them

Nothing here knows a room's rules or a hub: `tincans.apps.chat.peering` joins the two.

    identity, known = Identity.open(), Known()              # identity.pem and known_peers in folders.peers_folder()
    store = Store(folder, "tincans")                        # PostsBusy if another process has it
    async with Mesh(identity, known, store, hearer=hearer, ask=Trust(new=True)) as mesh:
        server = await mesh.listen(Address.parse("tcp://*:7769"))
        await mesh.accept(channel, looked_ahead=True)       # or: a channel that a door found to be a peer's
        call = mesh.call(Address.parse("tcp://host:7769"))  # until it is stopped; `await call.linked()` gives the key
        mesh.found(found)                                   # somebody is on the local network
        mesh.post(room="#ops", nick="ann", text="deploy done")
        mesh.present([Person("ann", ("#ops",))])            # who is here, told to all
        mesh.members                                        # by key: what they call themselves, and who is there

docs/peers.md says whom peers trust, what they promise, and what they say to each other.
"""
