// A member of a room, in Node: `node chat.js HOST PORT ROOM NICK`. What it does is in README.md.

const net = require('node:net');
const readline = require('node:readline');

const [host, port, room, nick] = process.argv.slice(2);
const hub = net.connect({ host, port, allowHalfOpen: true });
const say = (command) => hub.write(JSON.stringify(command) + '\n');
let [said, kept, begun] = [0, 0, '']; // begun: a line of the hub whose end has not come

function hear(told) {
  if (told.on === 'message') {
    console.log(`${told.number} ${told.from} ${JSON.stringify(told.text)}`);
    if (told.label) kept++; // it is ours, and kept
  } else if (told.on === 'error' || told.on === 'bye') {
    console.error(told.text);
  } else if (told.on === 'ping') {
    say({ do: 'pong' });
  }
}

function leave(lost) {
  if (lost) console.error(`chat.js: ${lost.message}`);
  process.exit(lost || kept !== said ? 1 : 0);
}

say({ do: 'hello', nick, client: 'chat.js' });
say({ do: 'join', room });
readline
  .createInterface({ input: process.stdin })
  .on('line', (text) => say({ do: 'say', room, text, label: String(++said) }))
  .on('close', () => hub.end()); // it tells what is still on its way, and then ends, too
hub
  .setEncoding('utf8')
  .on('data', (part) => {
    const lines = (begun + part).split('\n'); // readline would take U+2028 for the end of a line, too
    begun = lines.pop();
    for (const line of lines) hear(JSON.parse(line));
  })
  .on('error', leave)
  .on('end', leave);
