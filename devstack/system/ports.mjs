/** Finds free loopback ports, and keeps them across restarts if possible. */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { UserError } from './console.mjs';
import { readJson, writeAtomically } from './folder.mjs';

export const LOOPBACK = '127.0.0.1';

const LOWEST = 18_000;
const TRIES_MAX = 1000;

/**
 * @param {number} port
 * @param {string} [host]
 * @returns {Promise<boolean>}
 */
export function isFree(port, host = LOOPBACK) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * Ports are chosen below the kernel's ephemeral range. In that range, a client that reconnects to a port while its
 * server is down can be assigned that very port, connect to itself, and keep the server from coming back.
 * @returns {number} exclusive upper end
 */
function upperEnd() {
  try {
    const low = Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
    return low > LOWEST + 1000 ? low : 32_768;
  } catch {
    return 32_768;
  }
}

/**
 * @param {ReadonlySet<number>} [avoid]
 * @returns {Promise<number>}
 */
export async function freePort(avoid = new Set()) {
  const end = upperEnd();
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const port = randomInt(LOWEST, end);
    if (!avoid.has(port) && (await isFree(port))) return port;
  }
  throw new UserError(
    `No free port was found between ${LOWEST} and ${end} on ${LOOPBACK}. Stop the processes that use these ports, and try again.`,
  );
}

/**
 * One port for each name: the one stored in the file if it is free, otherwise a new one, which is then stored.
 * @template {string} Name
 * @param {string} file
 * @param {readonly Name[]} names
 * @param {Iterable<number>} [avoid]
 * @returns {Promise<Record<Name, number>>}
 */
export async function rememberedPorts(file, names, avoid = []) {
  const remembered = /** @type {Record<string, unknown>} */ (readJson(file) ?? {});
  const taken = new Set(avoid);
  const ports = /** @type {Record<Name, number>} */ ({});
  for (const name of names) {
    const last = remembered[name];
    const usable = Number.isInteger(last) && !taken.has(Number(last)) && (await isFree(Number(last)));
    ports[name] = usable ? Number(last) : await freePort(taken);
    taken.add(ports[name]);
  }
  writeAtomically(file, `${JSON.stringify({ ...remembered, ...ports })}\n`);
  return ports;
}

/**
 * Connects, sends the greeting if there is one, and returns the first bytes received; null if none arrive in time.
 * @param {number} port
 * @param {string} [greeting]
 * @param {string} [host]
 * @returns {Promise<Buffer | null>}
 */
export function firstAnswer(port, greeting = '', host = LOOPBACK) {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    /** @param {Buffer | null} answer */
    const done = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2000, () => done(null));
    socket.once('error', () => done(null));
    socket.once('close', () => done(null));
    socket.once('data', done);
    if (greeting !== '') socket.write(greeting);
  });
}
