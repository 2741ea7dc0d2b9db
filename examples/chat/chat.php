<?php
// A member of a room, in PHP: `php chat.php HOST PORT ROOM NICK`. What it does is in README.md.

[, $host, $port, $room, $nick] = $argv;
$hub = @stream_socket_client("tcp://$host:$port", $code, $why);
if ($hub === false) {
    fwrite(STDERR, "chat.php: $why\n");
    exit(1);
}
$say = fn (array $command) => @fwrite($hub, json_encode($command, JSON_INVALID_UTF8_SUBSTITUTE) . "\n");
$said = $kept = 0;

$say(['do' => 'hello', 'nick' => $nick, 'client' => 'chat.php']);
$say(['do' => 'join', 'room' => $room]);
for ([$open, $begun] = [[$hub, STDIN], ['', '']]; isset($open[0]);) {
    [$ready, $none] = [$open, null];
    stream_select($ready, $none, $none, null);
    foreach ($ready as $at => $stream) {
        $part = (string) fread($stream, 65536);
        if ($part === '') {
            unset($open[$at]);
            $part = $begun[$at] === '' ? '' : "\n";  // the last line may have no end
        }
        $lines = explode("\n", $begun[$at] . $part);
        $begun[$at] = array_pop($lines);
        foreach ($lines as $line) {
            $told = $stream === $hub ? json_decode($line, true) : null;
            if ($stream === STDIN) {
                $say(['do' => 'say', 'room' => $room, 'text' => $line, 'label' => (string) ++$said]);
            } elseif ($told['on'] === 'message') {
                $text = json_encode($told['text'], JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
                echo "{$told['number']} {$told['from']} $text\n";
                $kept += isset($told['label']);  // it is ours, and kept
            } elseif ($told['on'] === 'error' || $told['on'] === 'bye') {
                fwrite(STDERR, "{$told['text']}\n");
            } elseif ($told['on'] === 'ping') {
                $say(['do' => 'pong']);
            }
        }
        if (!isset($open[1])) {
            @stream_socket_shutdown($hub, STREAM_SHUT_WR);  // it tells what is still on its way, and then ends, too
        }
    }
}
exit($kept === $said ? 0 : 1);
