// A client in Node: `node client.js HOST PORT`. What the two sides say is in README.md.

const net = require('node:net');
const readline = require('node:readline');

const requests = ['Hello from Node', 'Grüße, 世界 🥫', '', '12345', '999999999', 'tin can '.repeat(12_500), 'Still there?'];

const [host, port] = process.argv.slice(2);
const server = net.connect(Number(port), host, ask);

function ask() {
  const line = requests.shift();
  if (line === undefined) {
    server.end(); // we are done; the server has one more thing to say
    return;
  }
  console.log(`> ${line}`);
  server.write(line + '\n');
}

let waiting = requests.length;
readline.createInterface({ input: server }).on('line', (line) => {
  console.log(`< ${line}`);
  if (waiting-- > 0) ask();
});
