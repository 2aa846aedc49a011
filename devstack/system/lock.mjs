/**
 * A lock is a name in the kernel (an abstract Unix socket): it disappears when its process ends for any reason, so
 * there are no stale locks. A process that connects receives the pid of the holder, and whether the holder is about to
 * exit.
 */
import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { codeOf, print, UserError } from './console.mjs';
import { pause } from './process.mjs';

/** A holder that compiles or competes for a core may take seconds to answer. */
const ANSWER_MS_MAX = 10_000;
const RETRY_MS = 200;

const GOING = 'going';

/** @typedef {{ held: true, release: () => Promise<void> } | { held: false, by: string, going: boolean }} Lock `by` is the holder's pid, or `unknown` */

/** @param {string} what */
function nameOf(what) {
  return `\0holdfast-${createHash('sha256').update(what).digest('hex').slice(0, 40)}`;
}

/**
 * @param {string} what the real path of the resource to lock
 * @param {() => boolean} [isGoing] whether the holder is about to release the lock, so that waiting makes sense
 * @returns {Promise<Lock>}
 */
export async function tryLock(what, isGoing = () => true) {
  for (;;) {
    const lock = await listen(what, isGoing);
    if (lock) return lock;
    const holder = await holderOf(what);
    if (holder) return holder;
  }
}

/**
 * @param {string} what
 * @param {() => boolean} isGoing
 * @returns {Promise<Lock | undefined>} `undefined` if another process holds the lock
 */
async function listen(what, isGoing) {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(`${process.pid} ${isGoing() ? GOING : 'staying'}`);
  });
  try {
    await new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(nameOf(what), () => resolve(undefined));
    });
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw error;
    return undefined;
  }
  server.unref();
  return { held: true, release: () => new Promise((resolve) => server.close(() => resolve())) };
}

/**
 * @param {string} what
 * @returns {Promise<Lock | undefined>} `undefined` if the holder released the lock before it answered
 */
function holderOf(what) {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(nameOf(what));
    socket.setTimeout(ANSWER_MS_MAX, () => {
      socket.destroy();
      resolve({ held: false, by: 'unknown', going: false });
    });
    socket.on('data', (data) => {
      text += data;
    });
    socket.once('error', () => {}); // `close` follows
    socket.once('close', () => {
      const [by = '', state] = text.split(' ');
      resolve(state ? { held: false, by, going: state === GOING } : undefined);
    });
  });
}

/**
 * Acquires a lock, and waits while the holder is about to release it.
 * @param {string} what
 * @param {{ isGoing?: () => boolean, signal: AbortSignal | undefined }} options
 * @returns {Promise<Lock>}
 */
export async function lockWhenFree(what, { isGoing, signal }) {
  let lock = await tryLock(what, isGoing);
  if (!lock.held && lock.going) print(`Waiting for process ${lock.by}, which is about to release ${what} …`);
  while (!lock.held && lock.going) {
    signal?.throwIfAborted();
    await pause(RETRY_MS);
    lock = await tryLock(what, isGoing);
  }
  return lock;
}

/**
 * Runs an action while no other process runs it, and waits for its turn if necessary.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} action
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export async function whileLocked(what, action, signal) {
  const lock = await lockWhenFree(what, { signal });
  if (!lock.held)
    throw new UserError(`Process ${lock.by} is using ${what} and does not finish. End the process, and try again.`);
  try {
    return await action();
  } finally {
    await lock.release();
  }
}
