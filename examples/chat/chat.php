<?php
// A member of a room, in PHP: `php chat.php HOST PORT ROOM NICK`. What it does is in README.md.

[, $host, $port, $room, $nick] = $argv;
$hub = stream_socket_client("tcp://$host:$port") or exit(1);
$said = $kept = 0;

function say(array $command): void
{
    global $hub;
    fwrite($hub, json_encode($command, JSON_THROW_ON_ERROR) . "\n");
}

say(['do' => 'hello', 'nick' => $nick, 'client' => 'chat.php']);
say(['do' => 'join', 'room' => $room]);
for ($open = [$hub, STDIN]; in_array($hub, $open, true);) {
    [$ready, $none] = [$open, null];
    stream_select($ready, $none, $none, null);
    foreach ($ready as $stream) {
        $line = fgets($stream);
        if ($line === false) {
            $open = array_filter($open, fn ($other) => $other !== $stream);
            if ($stream === STDIN) {
                stream_socket_shutdown($hub, STREAM_SHUT_WR);  // the hub tells what is still on its way, and then ends, too
            }
        } elseif ($stream === STDIN) {
            say(['do' => 'say', 'room' => $room, 'text' => rtrim($line, "\n"), 'label' => (string) ++$said]);
        } else {
            $told = json_decode($line, true, flags: JSON_THROW_ON_ERROR);
            if ($told['on'] === 'message') {
                $text = json_encode($told['text'], JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
                echo "{$told['number']} {$told['from']} $text\n";
                $kept += isset($told['label']);  // it is ours, and kept
            } elseif (in_array($told['on'], ['error', 'bye'], true)) {
                fwrite(STDERR, "{$told['text']}\n");
            } elseif ($told['on'] === 'ping') {
                say(['do' => 'pong']);
            }
        }
    }
}
exit($kept === $said ? 0 : 1);
