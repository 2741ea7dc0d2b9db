"""Every bound in tincans, by name, with where it comes from; each is crossed by one in a test.

Sizes are bytes and times are seconds unless the name says otherwise. What a user may reasonably want to change
is a field of a `Limits` value (`tincans.serve(..., limits=Limits(clients=100))`); the rest are constants.
"""

from __future__ import annotations

from typing import NamedTuple

#: One `receive()` returns at most this much of a stream: Linux gives a pipe, and HAProxy a buffer, of the same order.
RECEIVE_BYTES = 64 * 1024

#: A datagram's payload: 65,535 less the IPv4 and UDP headers (RFC 768, RFC 791 §3.1). IPv6 does not count its own
#: header (RFC 8200 §3), so 20 bytes more fit there.
DATAGRAM_BYTES = 65_507
DATAGRAM6_BYTES = 65_527

#: Datagrams kept for one peer that is slow to receive, and bytes of them for all peers of a listener together; the next
#: is lost, as the kernel's own queue would lose it.
DATAGRAMS_QUEUED = 256
DATAGRAM_BYTES_QUEUED = 64 * 1024 * 1024

#: Datagrams taken from one socket in one turn of the loop before others have theirs: as ACCEPTS_A_TURN.
DATAGRAMS_A_TURN = 64

#: Nothing says that a UDP peer has left: its channel ends after this long without a datagram, as nginx's
#: proxy_timeout for UDP is often set and half the 120 s that NATs must keep a mapping (RFC 4787 §4.3).
UDP_IDLE_SECONDS = 60.0

#: What one direction of a memory channel holds before `send` waits: bytes, as a Linux pipe; and messages, where it
#: keeps boundaries.
MEMORY_BYTES = 64 * 1024
MEMORY_MESSAGES = 256

#: A pipe's reader or writer gives way to others after this many chunks without a wait, a file's after each.
CHUNKS_A_TURN = 16

#: What one call hands to sendfile(2) at most; the kernel takes as much as the socket has room for.
SENDFILE_BYTES = 1024 * 1024

#: What is carried of a file at once before those who count what is said hear of it.
CARRIED_BYTES = 4 * 1024 * 1024

#: A child process whose channel is closed: how long it may take to see the end and leave, how long to heed SIGTERM,
#: and how long the kernel may take over SIGKILL.
PROCESS_POLITE_SECONDS = 2.0
PROCESS_TERM_SECONDS = 2.0
PROCESS_KILL_SECONDS = 1.0

#: A line without an end: as nginx's large_client_header_buffers and asyncio's StreamReader (64 KiB).
LINE_BYTES = 64 * 1024

#: One WebSocket message that is received whole: 16 MiB, sixteen times the default of the websockets library,
#: because a relay must carry what others allow.
WEBSOCKET_MESSAGE_BYTES = 16 * 1024 * 1024

#: How long a close waits for the other side's close frame, and for its own to leave: the websockets library waits ten
#: times as long, but a relay's other side is waiting, too.
WEBSOCKET_CLOSE_SECONDS = 1.0

#: A host name has at most 253 characters (RFC 1035 §2.3.4), a Unix socket's path 107 (unix(7), sun_path).
HOST_CHARACTERS = 253
UNIX_PATH_BYTES = 107

#: A proxy's answer to CONNECT, headers included: as curl's limit of 100 KiB, rounded down.
PROXY_ANSWER_BYTES = 64 * 1024

#: Happy eyeballs: the next address is tried after 250 ms (RFC 8305 §5, connection attempt delay).
ATTEMPT_DELAY = 0.25

#: `connect` gives up on one attempt after this; between attempts it waits RETRY_FIRST, doubling up to RETRY_MOST.
CONNECT_SECONDS = 10.0
RETRY_FIRST = 0.05
RETRY_MOST = 2.0

#: The kernel caps it at net.core.somaxconn, 4096 since Linux 5.4.
BACKLOG = 4096

#: Callers taken in one turn of the loop before others have theirs.
ACCEPTS_A_TURN = 64

#: After EMFILE or ENFILE a listener rests this long: accept(2) would fail again at once.
ACCEPT_REST = 0.05

#: Bulk: a relay changes to splice(2) after this many receives in a row of at least so much, through pipes of this size.
BULK_AFTER = 4
BULK_BYTES = 16 * 1024
PIPE_BYTES = 1024 * 1024

#: A recorded relay whose journal is behind lets the traffic rest for this long at a time, and for so long at most
#: before it goes on unrecorded: a disk that stalls costs the traffic a blink, once.
REST_SECONDS = 0.002
REST_MOST = 0.1

#: What one receive of a relay takes in at once, and the kernel pipes that one relay lends at most: the kernel gives a
#: user who is not root 64 MiB of them (pipe(7), pipe-user-pages-soft).
ROOM_BYTES = 64 * 1024
PIPES_LENT = 48

#: What the other side said and nobody received is drained this long before a close: nginx's lingering_close, shorter.
LINGER_SECONDS = 1.0

#: Where the far side cannot half-close: how long the other direction may still drain before both are closed.
DRAIN_SECONDS = 2.0

#: A journal folder's bound, and its pieces: bytes kept, bytes in one segment file, bytes waiting for the disk
#: before records are dropped, and how long a record may wait in memory (at most 100 ms are lost to kill -9).
JOURNAL_BYTES = 1024 * 1024 * 1024
SEGMENT_BYTES = 64 * 1024 * 1024
UNWRITTEN_BYTES = 64 * 1024 * 1024
FLUSH_SECONDS = 0.04

#: More than this waiting is written at once, before FLUSH_SECONDS are over; a pipe's worth, so bulk has its pipes back.
HURRY_BYTES = 1024 * 1024

#: From this size on a chunk is handed to the disk as it is; a smaller one is cheaper to copy beside others.
LARGE_BYTES = 16 * 1024

#: A reader of the journal holds about this much at once, and one that follows looks for more this often.
JOURNAL_READ_BYTES = 1024 * 1024
FOLLOW_SECONDS = 0.04

#: What the memory journal keeps.
MEMORY_JOURNAL_BYTES = 64 * 1024 * 1024

#: A disk that refused is asked again after this long; closing waits at most so long for a slow one; the index waits
#: so long for another process that writes to it (SQLite's own default in Python is 5 s too).
JOURNAL_RETRY_SECONDS = 1.0
JOURNAL_CLOSE_SECONDS = 5.0
JOURNAL_BUSY_SECONDS = 5.0

#: What a decoder keeps of one side before it can tell the protocol: more than any greeting, less than a segment.
GUESS_BYTES = 1024

#: What one side said and nobody can read before the other has answered (what follows a pipelined DATA or STARTTLS): a
#: full TCP window without scaling (RFC 9293 §3.1).
HELD_BYTES = 64 * 1024

#: One length-prefixed message that a recording shows whole: as much as one WebSocket message.
MESSAGE_BYTES = 16 * 1024 * 1024

#: What a viewer keeps of a body or a mail to show it, and what it decompresses at most: a large page, and no bomb.
VIEW_BYTES = 1024 * 1024

#: One reply of SMTP or FTP with all its lines: a hundred lines of 512 bytes (RFC 5321 §4.5.3.1.5), more than any help.
REPLY_BYTES = 64 * 1024

#: Bytes that lie in the kernel for less than these seconds are on their way; longer, and whoever should read them does
#: not. Five times what Linux waits at the least before it sends again (TCP_RTO_MIN).
READING_SECONDS = 1.0

#: An answer may take so long before the page says that who awaits it is stuck: a slow query does take seconds. Half of
#: the 10 s after which whoever waits turns to something else (Nielsen, "Response Times: The 3 Important Limits").
ANSWER_SECONDS = 5.0

#: What the sentence on who is waiting quotes of what was said: it stays one line of a terminal, or two.
QUOTE_CHARACTERS = 60

#: What a file of packets is made with. An MSS is what an Ethernet frame leaves for data: 1500 bytes less 20 of TCP and
#: 20 of IPv4 or 40 of IPv6 (RFC 9293 §3.7.1); so many segments are at most acknowledged at once, which is less than a
#: window without scaling; a gap moves the numbers by half of what they can tell apart (RFC 9293 §3.4) at most; and the
#: comments of one packet take what the length of one option can say (pcapng, "Options").
MSS_BYTES = 1460
MSS6_BYTES = 1440
UNACKNOWLEDGED_SEGMENTS = 40
GAP_BYTES = 2**30
COMMENT_BYTES = 65_535

#: One command of FTP: a verb and a path as long as Linux has them (4096, PATH_MAX), every byte of it doubled by Telnet.
FTP_COMMAND_BYTES = 8 * 1024 + 16

#: Commands of FTP said ahead of their answers that are still told apart: lftp says some dozens, nobody a thousand.
FTP_COMMANDS_WAITING = 1024

#: How long a relay or a server waits for an announced data connection of FTP, and the relay for the command that it is
#: for: as vsftpd's accept_timeout and connect_timeout.
FTP_DATA_SECONDS = 60.0

#: FTP served: how long a client has to log in (half of OpenSSH's LoginGraceTime), how long one that did may say nothing
#: (RFC 1123 §4.1.3.2 asks for five minutes at the least), and how long a data connection may stand still (vsftpd's
#: data_connection_timeout).
FTP_LOGIN_SECONDS = 60.0
FTP_IDLE_SECONDS = 300.0
FTP_STALL_SECONDS = 300.0

#: FTP served: wrong passwords of one connection, and how late each is answered (RFC 2577 §5 has three to five, and some
#: seconds; pyftpdlib three of both).
FTP_LOGIN_TRIES = 3
FTP_WRONG_SECONDS = 3.0

#: FTP served: commands said in the middle of a transfer that are heard before its end, in case ABOR is among them; and
#: the lowest port that a client is called at for data (RFC 2577 §3).
FTP_COMMANDS_AHEAD = 64
FTP_LOWEST_PORT = 1024

#: FTP served: what of a file is sent before it counts as having moved; how long a file may be whose lines are counted
#: to know its size as a text (some milliseconds' work); and files that STAT lists in its reply (as REPLY_BYTES allows).
FTP_PIECE_BYTES = 512 * 1024
FTP_TEXT_BYTES = 8 * 1024 * 1024
FTP_STAT_LINES = 200

#: One message of IRC with its CR LF (RFC 2812 §2.3), and its tags with their @ and blank (IRCv3 message-tags): from a
#: server, and from a client.
IRC_MESSAGE_BYTES = 512
IRC_TAGS_BYTES = 8191
IRC_CLIENT_TAGS_BYTES = 4096
#: Changes of modes with a parameter in one MODE: InspIRCd's 20, where Libera has 4 and RFC 2812 §3.2.3 three.
IRC_MODES = 20
#: Nicks that one client of the hub is told the coming and going of (MONITOR): Libera's and ergo's 100.
IRC_MONITORED = 100
#: People who are named to somebody that looks for them by WHO and names no room; what is more is left out.
IRC_WHO_PEOPLE = 500
#: Nicks in one USERHOST (RFC 2812 §4.8).
IRC_USERHOST_NICKS = 5
#: How long somebody who has knocked at a room waits until he may knock again: Libera's is a minute for a room.
IRC_KNOCK_SECONDS = 60.0

#: HTTP: a request line or status line (RFC 9112 §3 asks for 8000 at the least; nginx takes 8 KiB, Apache 8190, Node.js
#: 16 KiB), a whole head with it or a trailer section (uvicorn 64 KiB, curl 300 KiB), and fields in it (Apache, Tomcat
#: and Python's http.client take 100; a recording shows more).
HTTP_START_BYTES = 16 * 1024
HTTP_HEAD_BYTES = 64 * 1024
HTTP_FIELDS = 256

#: HTTP: the line before a chunk with its extensions (Go reads 4096), and the digits of a length: 2**64 has 20 decimal
#: ones and 16 hexadecimal ones, which is where others begin to calculate modulo.
HTTP_CHUNK_LINE_BYTES = 4096
HTTP_LENGTH_DIGITS = 20
HTTP_CHUNK_DIGITS = 16

#: HTTP: requests of one connection that wait for their answers. No client pipelines more than a few.
HTTP_PIPELINED = 1000

#: HTTP served: from the first byte of a head to its last (Apache's mod_reqtimeout 20 s), how long a connection is kept
#: for the next request (nginx's keepalive_timeout 75 s), how long a body may pause (nginx, client_body_timeout), and
#: how long a client may take for a piece of the response (nginx, send_timeout), which has so many bytes at the most.
HTTP_HEAD_SECONDS = 20.0
HTTP_KEPT_SECONDS = 75.0
HTTP_BODY_SECONDS = 60.0
HTTP_SEND_SECONDS = 60.0
HTTP_SEND_BYTES = 256 * 1024

#: HTTP served: heads remembered, and how long they may be; what is read of a body that nobody wanted, so that the
#: connection can be kept (Go's net/http reads 256 KiB).
HTTP_HEADS_KEPT = 512
HTTP_KEPT_HEAD_BYTES = 4096
HTTP_UNWANTED_BYTES = 256 * 1024

#: HTTP served: small files that are kept in memory, all together and as many.
HTTP_FILES_BYTES = 16 * 1024 * 1024
HTTP_FILES_KEPT = 4096

#: HTTP served: parts of a file in one request (Apache's MaxRanges allows 200, and no program people use asks for ten).
HTTP_RANGES = 100

#: HTTP served: a part of a file up to this is read and sent in one call with the head; sendfile(2) takes a longer one.
HTTP_SMALL_BYTES = 32 * 1024

#: A WebSocket message up to this is one event; a longer one comes in pieces, as they arrive.
WEBSOCKET_EVENT_BYTES = 1024 * 1024

#: One record of TLS, encryption's overhead of up to TLS 1.2 included (RFC 5246 §6.2.3); and one message of its
#: handshake, which spans records: Go's bound for a certificate chain, where OpenSSL has 100 KiB.
TLS_RECORD_BYTES = 2**14 + 2048
TLS_MESSAGE_BYTES = 256 * 1024

#: Redis: values nested in one another, of which hiredis reads 9; values in one reply that are kept; and commands whose
#: replies are still to come (Redis itself takes a command of 1,048,576 arguments).
REDIS_DEPTH = 64
REDIS_VALUES = 256 * 1024
REDIS_PENDING = 64 * 1024

#: A PostgreSQL start-up packet: MAX_STARTUP_PACKET_LENGTH in its pqcomm.h.
POSTGRESQL_STARTUP_BYTES = 10_000

#: MQTT: what the two bytes before a string or a password can count, and the four before a packet (MQTT 5 §1.5.4 and
#: §1.5.5).
MQTT_STRING_BYTES = 65_535
MQTT_PACKET_BYTES = 268_435_455

#: A DNS name on the wire (RFC 1035 §2.3.4), and the compression pointers that are followed for one: as Unbound's
#: MAX_COMPRESS_PTRS.
DNS_NAME_BYTES = 255
DNS_POINTERS = 256

#: SMTP's lines, their ends included: a command's (RFC 5321 §4.5.3.1.4); MAIL's and RCPT's with the parameters of all
#: extensions (as Postfix's line_length_limit); one of a login (RFC 4954 §4); one of a mail's text (§4.5.3.1.6).
SMTP_COMMAND_BYTES = 512
SMTP_ENVELOPE_BYTES = 2048
SASL_BYTES = 12288
MAIL_LINE_BYTES = 1000

#: The longest mail that the app `mail` takes: as Exchange's hard limit, where others stop at 10 to 50 MB; recipients of
#: one mail (RFC 5321 §4.5.3.1.8 asks for 100 at the least, Postfix takes 1000); how long a client may say nothing
#: (§4.5.3.2.7); what it may do wrong before it is sent away (Postfix's smtpd_hard_error_limit); and how long whoever is
#: sent away may take to hear so.
MAIL_BYTES = 2 * 1024 * 1024 * 1024
MAIL_RECIPIENTS = 1000
SMTP_SECONDS = 300.0
SMTP_ERRORS = 20
SMTP_GOODBYE_SECONDS = 0.2

#: A name that anybody may log in with, as it is a mailbox: as long as a path (RFC 5321 §4.5.3.1.3).
LOGIN_NAME_BYTES = 256

#: POP3's lines, their ends included: a command's, and the first of a response (RFC 2449 §4).
POP3_COMMAND_BYTES = 255
POP3_RESPONSE_BYTES = 512

#: A POP3 client may say nothing for so long (RFC 1939 §3 asks for ten minutes at the least); and so many lines of a
#: list are made at once.
POP3_SECONDS = 600.0
POP3_LINES_A_TURN = 500

#: A wrong password is answered after so long, and so many close the channel: as Dovecot's auth_failure_delay, and
#: OpenSSH's MaxAuthTries halved.
LOGIN_REST_SECONDS = 1.0
LOGIN_ATTEMPTS = 3

#: One line of IMAP, its literals not counted: a SEARCH's answer with a hundred thousand numbers.
IMAP_LINE_BYTES = 1024 * 1024

#: A mailbox's name before the @, and a path with its brackets, which bounds the domain too (RFC 5321 §4.5.3.1).
MAIL_LOCAL_BYTES = 64
MAIL_PATH_BYTES = 256

#: Commands whose replies are still to come: Postfix takes 1000 recipients of one mail, which may all be pipelined.
PIPELINED_COMMANDS = 1024

#: Steps that a sequence diagram draws before it only counts: a picture of 16,000 pixels, half of what browsers draw.
DIAGRAM_STEPS = 500

#: What `diff` compares line by line: so much of each content, the rest by its SHA-256 (a large page, as VIEW_BYTES);
#: and so many lines exactly, as comparing takes the square of them at worst (some seconds for these).
DIFF_CONTENT_BYTES = 1024 * 1024
DIFF_LINES = 20_000

#: Bodies and WebSocket messages that one HAR entry holds each, and all that wait for their answers together: as much as
#: one message that is shown whole. HAR has no place for what is longer; how long it was is said.
HAR_BODY_BYTES = 16 * 1024 * 1024

#: The page: connections to it at once (a browser opens six for each tab, RFC 9112 §9.4 leaves it to the server); how
#: long a request may take to arrive, as nginx's client_header_timeout and client_body_timeout, shorter on one machine;
#: how long an answer that is being given has when the page closes.
PAGE_CONNECTIONS = 128
PAGE_REQUEST_SECONDS = 10.0
PAGE_CLOSE_SECONDS = 0.2

#: What one request may say: in words to a conversation, as much as a pipe takes at once (pipe(7)); in the body that
#: carries them, each byte of which may be written as `\\x00` in JSON; in one message to the WebSocket. And how
#: long a party that reads nothing is waited for.
SAY_BYTES = 64 * 1024
SAY_SECONDS = 5.0
PAGE_BODY_BYTES = 512 * 1024
LOOK_BYTES = 4 * 1024

#: The lookout asks the journal this often while somebody looks, and else only so that the charts have no hole; asking
#: takes at most a tenth of the time, whatever is said: the next time is so many times as long away as the last took.
LOOK_SECONDS = 0.1
IDLE_LOOK_SECONDS = 1.0
LOOK_REST = 10

#: Conversations that change at once, or entries of one that is followed, which are more than anybody reads; and how
#: often those are looked at: three times a second still moves.
LOOK_FLOOD = 10
LOOK_FLOOD_ENTRIES = 50
LOOK_FLOOD_SECONDS = 0.35

#: Conversations in which something happened, of which the lookout hears at once, and those told to one reader at once;
#: and conversations that are over of which a slow reader still hears.
LOOK_CHANGES = 1000
LOOK_ROWS = 200
LOOK_OVER = 2000

#: Seconds that the charts go back, steps of the chart of one conversation, and sentences on who waits for whom in a
#: second, in conversations that said at most so much: decoding it takes some milliseconds, in another thread.
CHART_SECONDS = 600
CHART_STEPS = 300
STATES_A_SECOND = 40
STATE_BYTES = 64 * 1024

#: New ends are looked up in the list of all of the machine's sockets this often: it takes some 40 ms.
NAME_SECONDS = 1.0

#: The inboxes are asked this often whether something has changed.
MAILS_SECONDS = 0.2

#: What the API gives of inboxes at once: mailboxes, pieces of a mail's source, characters of its HTML (Gmail shows
#: 102 KB), links of that and characters of each; and pages made for frames that have not been fetched yet.
MAILBOXES_SHOWN = 500
SOURCE_PIECE_BYTES = 256 * 1024
FRAME_CHARACTERS = 2 * 1024 * 1024
FRAME_LINKS = 200
FRAME_LINK_CHARACTERS = 2048
FRAMES_KEPT = 8

#: What the API gives at once: conversations of a list when nothing else is asked, and at most; bytes shown in hex.
LIST_ROWS = 100
LIST_MOST = 500
HEX_BYTES = 64 * 1024

#: What of a file to be exported is made at once, in another thread: some milliseconds of work.
BATCH_BYTES = 256 * 1024

#: `/api/events` and `tincans watch --json`: pieces decoded in a second, as the terminal of a relay does; what waits to
#: be decoded for a reader who is slow, before the rest is counted; and conversations that it keeps a decoder for.
FEED_PIECES = 500
FEED_BYTES = 4 * 1024 * 1024
FEED_CONVERSATIONS = 1000

#: What a program that says the same again holds of what was said: of its source a screen is read, and a Java method has
#: room for some ten thousand calls (JVMS §4.7.3, 65,535 bytes of code), a constant text for 65,535 bytes (§4.4.7).
PROGRAM_BYTES = 64 * 1024
PROGRAM_TURNS = 1000
PROGRAM_TEXT_BYTES = 8 * 1024

#: What the register of a program remembers: unrecorded conversations that closed, so that a page which asks ten times a
#: second sees that they did; and answered calls of relays, for their median in a second.
OVER_KEPT = 200
JOINS_KEPT = 1000

#: A page of a conversation has so many recorded entries: some screens of a browser, decoded in a blink. It is read in
#: pieces of at most about so many bytes, which bulk makes smaller.
PAGE_ENTRIES = 200
PAGE_READ_BYTES = 4 * 1024 * 1024

#: Of one thing that is shown: the characters of its sentence, further lines, characters in each (a long header field),
#: and how its content begins (half a screen). All of the content is asked for by itself.
ITEM_CHARACTERS = 320
ITEM_DETAILS = 100
ITEM_DETAIL_CHARACTERS = 2048
PREVIEW_BYTES = 1024
PREVIEW_LINES = 8

#: A page further than this behind all that was decoded is decoded by itself: decoding so many takes a blink, too.
EXACT_PAGES = 10

#: What is kept of a conversation that is looked at: decoders at the beginnings of pages (of some ten kilobytes, and not
#: where one holds more than this of an unfinished message), decoded pages (of some hundred kilobytes); and how many
#: conversations are.
CHECKPOINTS = 48
CHECKPOINT_BYTES = 256 * 1024
PAGES_KEPT = 16
REELS_KEPT = 8

#: The chart of one conversation is made of at most so many places in it: of two hundred thousand entries each tenth.
TIMELINE_PLACES = 20_000

#: All of what one message carries, unpacked: as much as one message that is shown whole; and of a mail the parts that
#: are told apart, nested in one another included.
CONTENT_MOST = 16 * 1024 * 1024
MAIL_PARTS = 200

#: Parsing a mail takes the more the longer its fields are (Python's parser goes over an address list with quotes some
#: hundred thousand times in 64 KiB), and the more multiparts each line may be the end of: longer fields are shown as
#: they came, more fields not at all (mailers write some fifty), and a mail is not taken apart that has a longer one
#: about its parts, or more lines times multiparts.
MAIL_FIELDS = 500
MAIL_FIELD_CHARACTERS = 2048
MAIL_PART_FIELD_BYTES = 1024
MAIL_LOOKS = 1_000_000

#: Decoding for the page works so long at a time and then rests, as whoever wants the interpreter meanwhile gets it only
#: then: a moment where nobody does; where others use a fifth of the time or more, so long that they keep nine tenths.
WORK_SECONDS = 0.002
IDLE_WORK_SECONDS = 0.01
REST_SECONDS = 0.0002
BUSY_REST_SECONDS = 0.018
BUSY_SHARE = 0.2

#: Of a conversation that grows by more than EXACT_PAGES between two looks it is told anew so often who waits for whom.
STATE_SECONDS = 1.0

#: A search in what was said reads for so long at a time, which a reader hardly notices, in passages of this size; so
#: many searches are kept that were left within a conversation. So much of a conversation is decoded to know what of it
#: is secret, a few seconds' work: what is found only behind it counts as if it were.
SEARCH_SECONDS = 0.2
SEARCH_PASSAGE_BYTES = 256 * 1024
SEARCHES_KEPT = 32
SEARCH_CHECK_BYTES = 4 * 1024 * 1024

#: The first words of a conversation, by which is told what is spoken in it: eight times what a guess takes
#: (GUESS_BYTES), so that an upgrade is among them; and conversations of which that is remembered, at some hundred bytes
#: each.
PROTOCOL_BYTES = 8 * 1024
PROTOCOLS_KEPT = 20_000

#: What is told of a program's command line: all of most, and the beginning of a Java server's (Linux has up to 128 KiB
#: in one argument, execve(2)).
COMMAND_CHARACTERS = 1024


#: A mail up to this size is written to its file at once when it is whole; of a longer one this much is held meanwhile.
MAIL_HELD_BYTES = 64 * 1024

#: Mails that are taken before the index hears of them by itself (it hears at once when somebody asks), and the seconds
#: after which it does at the latest; retention is checked then, too.
MAILS_A_LOOK = 1000
MAILS_LOOK_SECONDS = 30.0

#: For how long a store that is closed still removes what is too old or too much: a server that stops must not be
#: waited for.
MAILS_CLOSE_SECONDS = 1.0

#: The log of arrivals is begun anew at this size, and read in pieces of this size.
ARRIVALS_BYTES = 1024 * 1024

#: What of a mail is read to know its header, its attachments and the words to be found in it; how many characters of
#: its words are kept for that; and for how long one call reads mails that were not read before.
MAIL_READ_BYTES = 1024 * 1024
MAIL_WORDS_CHARACTERS = 64 * 1024
MAIL_READ_SECONDS = 0.25

#: One datagram of chargen (RFC 864).
CHARGEN_DATAGRAM_BYTES = 512

#: Links followed on the way to one file, as Linux does (path_resolution(7)); and a file's name (NAME_MAX).
LINKS_FOLLOWED = 40
FILE_NAME_BYTES = 255

#: A client gives up on a server that says nothing, or takes nothing, for this long: as lftp's net:timeout, a fifth of
#: wget's read timeout.
PATIENCE_SECONDS = 60.0

#: Rounds of SCRAM that a server may have a client do: thirty times what is advised, some ten seconds.
SCRAM_ROUNDS = 20_000_000

#: Mails whose headers are asked for before the first has come: some tens of kilobytes each way.
POP3_AHEAD = 50

#: How long a client that leaves waits for the answer to its goodbye (QUIT): nothing depends on it.
GOODBYE_SECONDS = 1.0

#: Redirects followed for one request, as browsers do (the Fetch standard, "HTTP-redirect fetch": 20).
REDIRECTS = 20

#: What a redirect says beside where it leads is read over where it is shorter than this, to go on on the same
#: connection; a new one costs less than reading more.
REDIRECT_BYTES = 64 * 1024

#: The head of an HTTP response that a client reads: as curl's limit for all headers of one response, 300 KiB, which is
#: more than any server sends; and how long it waits for 100 Continue before it sends a body all the same (RFC 9110
#: §10.1.1 wants it to wait not for ever; curl's default).
RESPONSE_HEAD_BYTES = 300 * 1024
CONTINUE_SECONDS = 1.0

#: A listing that a client reads to its end, and the names in it: a hundred thousand files of long names.
LISTING_BYTES = 64 * 1024 * 1024

#: Folders in folders that a mirror goes down: Linux's own limit of a path (4096 bytes) is some two thousand of one
#: letter each, and a server that makes them up has no limit of its own.
FOLDERS_DEEP = 100

#: Files that a mirror transfers at once, as wget2 and lftp's users have it; and what a sent file is handed on in, so
#: that progress is seen.
JOBS = 4
UPLOAD_STEP_BYTES = 1024 * 1024

#: A connection that a client kept is used again within this long: below nginx's keepalive_timeout (75 s), and
#: below the five minutes after which FTP servers say 421.
KEPT_SECONDS = 30.0


#: Rounds of PBKDF2-SHA-256 that a password is kept with (OWASP, "Password Storage Cheat Sheet", 2023: 600,000), and at
#: most, so that a digit too many does not have a login take minutes: these take some seconds.
PASSWORD_ROUNDS = 600_000
PASSWORD_ROUNDS_MOST = 10_000_000

#: How long an ASGI application may take to end, and what goes on in it behind its responses: half of what systemd gives
#: a whole service by default is 45, and a person who pressed Ctrl-C waits ten.
ASGI_END_SECONDS = 10.0

#: `http:echo` waits at most so long before it answers, where it is asked to: as httpbin.
ECHO_DELAY_SECONDS = 10.0

#: A form: the bytes of a field that is no file (a path, PATH_MAX, each byte percent-encoded), of one line in the head
#: of a part, and the parts of one form (Starlette has 1000 files, too).
FORM_FIELD_BYTES = 3 * 4096
FORM_HEAD_BYTES = 16 * 1024
FORM_PARTS = 1000

#: Rows of a folder's listing that are made at once before others have their turn: two milliseconds.
LISTING_ROWS = 200

#: What is said at once in a room: four times what a Matrix client shows before it folds, and a fifth of a Matrix event
#: (65,536 bytes); longer things are files.
CHAT_TEXT_BYTES = 16 * 1024
#: A command of a program in JSON lines: as any line.
CHAT_LINE_BYTES = LINE_BYTES
#: Messages of each room that are at hand without a disk: what a client asks for when it joins (IRCv3's chathistory is
#: commonly limited to 100), times five.
CHAT_RECENT_MESSAGES = 500
#: Messages that one command gives at most.
CHAT_HISTORY_MESSAGES = 500
#: What the messages at hand of all rooms together take, so that ten thousand rooms are no memory without a bound: some
#: 200,000 of those that people write. A message counts with its text and CHAT_MESSAGE_BYTES: what its objects take.
CHAT_AT_HAND_BYTES = 128 * 1024 * 1024
CHAT_MESSAGE_BYTES = 512
#: A file of a history's log, after which the next one begins: the smallest part that can be given back to the disk.
CHAT_SEGMENT_BYTES = 16 * 1024 * 1024
#: What the past of rooms (topics, modes as they were) may take on the disk beside what they are, before it is dropped.
CHAT_ROOMS_LOG_BYTES = 1024 * 1024
#: What the index of a history takes in at once, and how long it lets messages come together before.
CHAT_PIECE_BYTES = 128 * 1024
CHAT_INDEX_SECONDS = 0.1
#: Messages that get their words, by which they are found, before a hub opens whose index was lost, at most: a third of
#: a second. Of more, all get them behind, so many in a transaction (some 15 ms); and so long a search waits for that,
#: as long as a person waits without a word, before it says that it did not search all.
CHAT_WORDS_AT_ONCE = 10_000
CHAT_WORDS_MESSAGES = 500
CHAT_WORDS_SECONDS = 1.0
#: What a machine that loses power may lose of what was said. Databases that do not wait for the disk have as much
#: (PostgreSQL's wal_writer_delay, three times, with synchronous_commit off: 0.6 s; Redis' appendfsync everysec: 1 s).
CHAT_SYNC_SECONDS = 1.0
#: How often it is looked what has become too old.
CHAT_LOOK_SECONDS = 60.0
#: Messages that are removed at once, before what was said meanwhile is indexed.
CHAT_FORGET_MESSAGES = 500
#: What is heeded of a search: SQLite's expressions have at most 256 levels, and nobody types more.
CHAT_SEARCH_CHARACTERS = 1000
CHAT_SEARCH_WORDS = 32
#: A nick and a room's name: ngircd's and ergo's limits are 9 to 32 and 50 to 64.
CHAT_NICK_BYTES = 32
CHAT_ROOM_BYTES = 64
#: A topic: ergo's and Libera's are 390.
CHAT_TOPIC_BYTES = 390
#: Why somebody left, or was away: as a topic.
CHAT_REASON_BYTES = 390
#: Rooms that one member is in, and that there are.
CHAT_ROOMS_JOINED = 100
CHAT_ROOMS = 10_000
#: What a program calls itself: as a nick, twice.
CHAT_CLIENT_BYTES = 64
#: What somebody at a terminal is shown of a room that they enter: as much as leaves the rest of 24 lines.
CHAT_GREETING_MESSAGES = 10
#: A name that a program gives a message, in characters: at least 64 bits in hexadecimal, as two that are alike would be
#: one message, and at most what every kind of UUID, path or digest needs.
CHAT_ID_CHARACTERS = 16
CHAT_ID_CHARACTERS_MOST = 128
#: Messages with such names that a hub knows without looking: what ten programs say in a second at their quickest.
CHAT_ONCE_MESSAGES = 20_000
#: Lines in a row that are no commands, after which a program is let go: it speaks something else.
CHAT_NONSENSE = 10
#: Names that a hub remembers of those who left, or are called otherwise: ngircd's WHOWAS has 64, ergo's 100.
CHAT_GONE = 1000
#: Masks on one list of a room: ergo's is 100, and Libera's.
CHAT_MASKS = 100
#: A mask, which is a nick, an account and a host; and a key to a room: ergo's longest is 32, Libera's 23.
CHAT_MASK_BYTES = 256
CHAT_KEY_BYTES = 32
#: What waits for a member that reads slowly; one byte more and it is sent away with a word. ngircd drops at 32 KiB,
#: InspIRCd's hardsendq is 1 MiB.
CHAT_BACKLOG_BYTES = 1024 * 1024
#: Commands of one member that are acted upon at once, and then a second; what is too much waits in the socket.
CHAT_BURST = 2000
CHAT_RATE = 200
#: Who has said nothing for so long by the time we know which door it wants is greeted as a person at a terminal.
CHAT_DOOR_SECONDS = 1.0
#: Silence after which a member is asked whether it is there, and then sent away: ngircd's PingTimeout 120 s, ergo's 90.
CHAT_PING_SECONDS = 120.0
CHAT_PONG_SECONDS = 30.0
#: How long a caller may take to say who they are: as most IRC servers.
CHAT_REGISTER_SECONDS = 60.0
#: Rooms and nicks that are spoken to by one command: InspIRCd's maxtargets is 20, ergo's 4.
CHAT_TARGETS = 20
#: A file dropped in a room, and all of a hub's together.
CHAT_FILE_BYTES = 1024 * 1024 * 1024
CHAT_FILES_BYTES = 16 * 1024 * 1024 * 1024
#: How often those files are taken away that only forgotten messages named; how old a file is, at least, that goes as no
#: message ever named it, for whoever has its link from a whisper; and how often it is looked for those.
CHAT_TIDY_SECONDS = 5.0
CHAT_UNNAMED_SECONDS = 86_400.0
CHAT_UNNAMED_LOOK_SECONDS = 3600.0
#: Files that forgotten messages named, and that were not looked for yet: of more, the later look at all finds the rest.
CHAT_FORGOTTEN_FILES = 10_000
#: Its name, with which the part that is not whole yet has room within FILE_NAME_BYTES.
CHAT_FILE_NAME_BYTES = 200

#: What a hub answers at once, to its clients: CHAT_HISTORY_MESSAGES of CHAT_TEXT_BYTES, each byte of which is a control
#: that JSON writes in six.
CHAT_ANSWER_BYTES = 64 * 1024 * 1024
#: Messages that a client asks for at once to catch up: one page of IRCv3's chathistory, and a tenth of a megabyte as
#: people write.
CHAT_PAGE_MESSAGES = 100
#: Events of one room that wait in a client for whoever takes them: twice what a hub tells who joins.
CHAT_WAITING_EVENTS = 1024
#: A client says something this often, so that a hub need not ask (CHAT_PING_SECONDS), and it finds out that a hub is
#: gone that never said so.
CHAT_ALIVE_SECONDS = 50.0
#: Rows of one room that a terminal holds, to be scrolled through; earlier ones are asked for again. WeeChat has 4096.
CHAT_SHOWN_ROWS = 4096
#: How long a hub that was lost has to come back, before one who was on it starts another in its place: a service that
#: is restarted is there within one to three seconds (systemd's RestartSec is 0.1).
HOME_SECONDS = 3.0
#: Where a peer of a chat is called, unless that port is taken: beside a hub's and that of files (PASS_PORT). And how
#: long somebody unknown who calls waits for a person to say whether they are let in: a peer calls again by itself.
PEER_PORT = 7769
TRUST_SECONDS = 60.0
#: Messages that `tincans say` has said and that the hub has not yet acknowledged: one write, as a burst.
CHAT_AHEAD_MESSAGES = 64

#: A spoken code: words behind its number (as Magic Wormhole's, of 512 words where that has 256), the highest number
#: (two digits are said quickly), and wrong guesses that an offer bears: a person may mistype twice, and who guesses has
#: 3 of 262,144, a smaller chance than the one guess of 65,536 that Magic Wormhole gives.
CODE_WORDS = 2
CODE_NUMBER = 99
CODE_GUESSES = 3

#: Where peers wait for files where nobody says otherwise: one above the chat's 7767, free in IANA's list as that one; a
#: second one on the same machine is given any other.
PASS_PORT = 7768

#: How long a notice on the local network is looked for: it is asked for at once and after 0.2, 0.6 and 1.4 s or so (RFC
#: 6762 §5.2: with pauses that double), and who sees it answers within half a second (§6).
NOTICE_SECONDS = 3.0
#: And how long one's own is asked for before it is put up (RFC 6762 §8.1: three times, 250 ms apart).
NOTICE_FREE_SECONDS = 0.75

#: What a pairing may take from its first word to its last: two round trips and some tens of milliseconds of arithmetic;
#: as long as a handshake (`Limits.handshake`).
PAIRING_SECONDS = 10.0

#: An offer that was interrupted is gone on with under its own code for so long: as long as Magic Wormhole's and croc's
#: users leave one open, a day.
CODE_KEPT_SECONDS = 86_400.0

#: Files passed between peers: what is read, hashed and sent at once (as UPLOAD_STEP_BYTES, four of them a megabyte);
#: one message between them; files and folders of one offer (as LISTING_BYTES has names), told so many at a time; and
#: what a path may be (PATH_MAX).
PASS_PIECE_BYTES = 256 * 1024
PASS_MESSAGE_BYTES = 1024 * 1024
PASS_FILES = 100_000
PASS_FILES_A_MESSAGE = 200
PASS_PATH_BYTES = 4096

#: Files that one peer answers for in its rooms: as many as a day has minutes; the oldest is let go.
PASS_OFFERS = 1440

#: How often a file that changes while it is sent is begun anew, before it is said that it does not stand still.
PASS_CHANGES = 3

#: Receivers that are served at once by one who sends; a disk and a network card are shared by all of them.
PASS_RECEIVERS = 32

#: How long somebody may think about whether they want what is offered, and how long who waits for the next piece waits
#: for one that does not come (as PATIENCE_SECONDS).
PASS_ANSWER_SECONDS = 600.0

#: Files that are asked for before the first of them is there: as many requests as OpenSSH's sftp has on the way
#: (-R 64). Of large ones only the next is, and of others as many as fit what a link of 300 Mbit/s holds in a tenth of a
#: second.
PASS_AHEAD = 64
PASS_AHEAD_BYTES = 4 * 1024 * 1024

#: A receiver whose connection was lost calls again by itself: pauses double from the first to the most, and each is
#: shortened by up to a half, by chance. It gives up when nothing has come for so long, in which a network is there
#: again and a machine wakes up; so long the sender waits for one who was lost where nobody else may come any more.
PASS_RETRY_FIRST = 0.5
PASS_RETRY_MOST = 15.0
PASS_LOST_SECONDS = 600.0
#: And one that has all of it, and lost the connection before it could say so, for so long.
PASS_THANKS_SECONDS = 10.0
#: Who stops sending ends the piece that is on its way and says goodbye, if that does not take longer: a receiver
#: knows then that nobody was lost. Nobody notices so much after Ctrl-C.
PASS_GOODBYE_SECONDS = 0.5
#: Receivers who have said the code, and not yet that they have all of it, whom one offer knows when they call again.
PASS_TICKETS = 1000

#: The first message of a peer's TLS, by which a door knows it: a Chromium's is 1.8 KB, OpenSSL takes up to 128 KiB.
PEER_HELLO_BYTES = 16 * 1024
#: What a peer calls itself: a common name in a certificate (RFC 5280 appendix A.1, ub-common-name).
PEER_NAME_BYTES = 64
#: What is said to a peer at once: two of the largest statements and a batch of usual ones.
PEER_FRAME_BYTES = 256 * 1024
#: One signed statement: a text of CHAT_TEXT_BYTES, and a thousand authors that it comes after (36 bytes each).
PEER_STATEMENT_BYTES = 64 * 1024
#: Posts that are read from the disk and sent to one peer at once, before others have their turn.
PEER_BATCH_POSTS = 64
PEER_BATCH_BYTES = 64 * 1024
#: Who belongs to a mesh, and so the entries of a vector; and introductions that are kept of them all.
PEER_MEMBERS = 1000
PEER_INTRODUCTIONS = 10_000
#: Posts of a mesh that one peer keeps, and their bytes on the disk: four months of a thousand a day, which a start
#: reads in some three seconds; a newcomer is told those. They are in so many files, of which the oldest is forgotten.
PEER_POSTS = 131_072
PEER_POSTS_BYTES = 128 * 1024 * 1024
PEER_SEGMENTS = 16
#: The highest number of a post of one's own that is believed to be forgotten, where one's disk was lost. As many are
#: left from there on, so whoever says what is not so takes nothing away.
PEER_SEQ_MOST = 2**62
#: Posts that came before what they come after. From peers that keep to the protocol there are none.
PEER_HELD_POSTS = 1024
#: Links of one peer. All in a small mesh are linked; in a large one what is said goes through several.
PEER_LINKS = 32
#: Addresses at which one peer can be called; the people of one peer, and the rooms of one, that others are told.
PEER_ADDRESSES = 8
PEER_PEOPLE = 256
PEER_ROOMS = CHAT_ROOMS_JOINED
#: From a call to the end of both sides' hello: as the handshakes of a server.
PEER_HELLO_SECONDS = 10.0
#: A link on which nothing was heard is asked, and then given up: syncthing's are 90 and 300 s; a chat wants to know.
PEER_PING_SECONDS = 15.0
PEER_PONG_SECONDS = 10.0
#: A peer that takes nothing for so long is let go, and catches up when it calls again: nothing is hoarded for it.
PEER_STALL_SECONDS = 30.0
#: Whoever is here says so this often, and is gone when nothing was heard of them for so long: three times missed.
PEER_HERE_SECONDS = 20.0
PEER_GONE_SECONDS = 65.0
#: Pauses between calls double from the first to the most, and each is shortened by up to a half, by chance.
PEER_RETRY_FIRST = 0.5
PEER_RETRY_MOST = 30.0
#: Calls of one peer that are under way at once.
PEER_CALLS = 8
#: Callers whom nobody knows and about whom a person is asked at once: what fits on a screen.
PEER_STRANGERS = 8
#: A sentence that one peer tells another, as why it lets it go.
PEER_SENTENCE_BYTES = 1024
#: How long the local network is asked who is there: an answer comes within 120 ms (RFC 6762 §6), a lost question is
#: asked again after a second (§5.2). And how many announcements are looked at: anybody may make any number.
FIND_SECONDS = 1.5
FOUND_MOST = 1000


class Limits(NamedTuple):
    """What one server allows. `None` means no bound."""

    #: Callers served at once; further ones wait in the kernel's queue until a place is free.
    clients: int | None = None
    #: From accept to the end of all handshakes (TLS, WebSocket): as nginx's client_header_timeout and HAProxy's advice.
    handshake: float = 10.0
    #: A channel on which nothing was said by either side for this long is closed.
    idle: float | None = None
    #: After a graceful stop began: how long open channels may go on before they are aborted.
    drain: float = 5.0
