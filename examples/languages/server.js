// A server in Node: `node server.js PORT`. What the two sides say is in README.md.

const net = require('node:net');
const readline = require('node:readline');

function answer(line) {
  return /^[0-9]{1,9}$/.test(line) ? String(BigInt(line) ** 2n) : `${Buffer.byteLength(line)} ${line}`;
}

// allowHalfOpen: when the caller ends its side, ours stays open for the goodbye.
const listener = net.createServer({ allowHalfOpen: true }, (caller) => {
  const port = caller.remotePort;
  let count = 0;

  function say(line) {
    console.log(`${port} > ${line}`);
    caller.write(line + '\n');
  }

  readline.createInterface({ input: caller })
    .on('line', (line) => {
      console.log(`${port} < ${line}`);
      say(answer(line));
      count += 1;
    })
    .on('close', () => {
      say(`${count} lines, goodbye`);
      caller.end();
    });
});

listener.listen(Number(process.argv[2]), '127.0.0.1', () => console.log(listener.address().port));
