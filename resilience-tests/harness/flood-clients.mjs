/**
 * Hostile clients: each connection pipelines unauthenticated requests as fast as the pod accepts them, never reads an answer, and
 * reconnects when it is closed. A separate process, started by flood.ts: node harness/flood-clients.mjs PORT CONNECTIONS.
 */
import { connect } from 'node:net';

const [port, connections] = process.argv.slice(2).map(Number);
const REQUESTS = Buffer.from('GET /v1/accounts/a/balance HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000));
const AGAIN_AFTER_MS = 5;

function attack() {
  const socket = connect(port ?? 0, '127.0.0.1');
  socket.pause();
  const send = () => {
    while (socket.writable && socket.write(REQUESTS));
  };
  socket.on('connect', send).on('drain', send);
  socket.on('error', () => {});
  socket.on('close', () => setTimeout(attack, AGAIN_AFTER_MS));
}

for (let i = 0; i < (connections ?? 0); i++) attack();
