<?php
// A client in PHP: `php client.php HOST PORT`. What the two sides say is in README.md.

$requests = ['Hello from PHP', 'Grüße, 世界 🥫', '', '12345', '999999999', str_repeat('tin can ', 12_500), 'Still there?'];

$server = stream_socket_client("tcp://$argv[1]:$argv[2]") or exit(1);
foreach ($requests as $line) {
    echo "> $line\n";
    fwrite($server, "$line\n");
    echo '< ', fgets($server);
}
stream_socket_shutdown($server, STREAM_SHUT_WR);  // we are done; the server has one more thing to say
while (($line = fgets($server)) !== false) {
    echo "< $line";
}
fclose($server);
