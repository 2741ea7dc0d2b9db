// A member of a room, in Node: `node chat.js HOST PORT ROOM NICK`. What it does is in README.md.

const net = require('node:net');
const readline = require('node:readline');

const [host, port, room, nick] = process.argv.slice(2);
const hub = net.connect({ host, port: Number(port), allowHalfOpen: true });
const say = (command) => hub.write(JSON.stringify(command) + '\n');
let said = 0;
let kept = 0;

say({ do: 'hello', nick, client: 'chat.js' });
say({ do: 'join', room });

readline
  .createInterface({ input: process.stdin })
  .on('line', (text) => say({ do: 'say', room, text, label: String(++said) }))
  .on('close', () => hub.end()); // the hub tells what is still on its way, and then ends, too

readline
  .createInterface({ input: hub })
  .on('line', (line) => {
    const told = JSON.parse(line);
    if (told.on === 'message') {
      console.log(`${told.number} ${told.from} ${JSON.stringify(told.text)}`);
      if (told.label) kept++; // it is ours, and kept
    } else if (told.on === 'error' || told.on === 'bye') {
      console.error(told.text);
    } else if (told.on === 'ping') {
      say({ do: 'pong' });
    }
  })
  .on('close', () => process.exit(kept === said ? 0 : 1));
