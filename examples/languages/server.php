<?php
// A server in PHP: `php server.php PORT`. What the two sides say is in README.md.

function answer(string $line): string
{
    return preg_match('/^[0-9]{1,9}$/D', $line) ? (string) ((int) $line ** 2) : strlen($line) . " $line";
}

function say($caller, int $port, string $line): void
{
    echo "$port > $line\n";
    fwrite($caller, "$line\n");
}

$listener = stream_socket_server("tcp://127.0.0.1:$argv[1]") or exit(1);
echo parse_url('tcp://' . stream_socket_get_name($listener, false), PHP_URL_PORT), "\n";

$callers = [];  // one socket each, by its number
$counts = [];
while (true) {
    $ready = [$listener, ...$callers];
    $none = null;
    stream_select($ready, $none, $none, null);  // waits until somebody calls or says something
    foreach ($ready as $socket) {
        if ($socket === $listener) {
            $caller = stream_socket_accept($listener);
            $callers[(int) $caller] = $caller;
            $counts[(int) $caller] = 0;
            continue;
        }
        $port = parse_url('tcp://' . stream_socket_get_name($socket, true), PHP_URL_PORT);
        $line = fgets($socket);
        if ($line === false) {  // this caller has ended its side
            say($socket, $port, $counts[(int) $socket] . ' lines, goodbye');
            unset($callers[(int) $socket]);
            fclose($socket);
            continue;
        }
        $line = rtrim($line, "\n");
        echo "$port < $line\n";
        say($socket, $port, answer($line));
        $counts[(int) $socket]++;
    }
}
