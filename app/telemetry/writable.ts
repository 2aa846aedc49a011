import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { Socket } from 'node:net';

/**
 * Sockets that keep descriptors in non-blocking mode. They are listed here because the garbage collection of a socket
 * would close its descriptor.
 */
const held: Socket[] = [];

/**
 * A descriptor for the same output that returns EAGAIN instead of blocking when its reader is slow: a blocked write
 * cannot be canceled, and would delay the exit of the process. Descriptors of files are returned unchanged, because
 * files do not wait for a reader.
 *
 * @returns `blocking` if a write may wait for the disk or (without /proc) for the reader of a terminal
 */
export function withoutBlocking(fd: number): { fd: number; blocking: boolean } {
  const stats = fstatSync(fd);
  if (!stats.isFIFO() && !stats.isSocket() && !stats.isCharacterDevice()) return { fd, blocking: true };
  const own = reopened(fd, stats);
  if (own !== null) return { fd: own, blocking: false };
  switchToNonBlocking(fd, stats);
  return { fd, blocking: stats.isCharacterDevice() };
}

/** Opens the same pipe or terminal again, so that other processes that share the descriptor are not affected. */
function reopened(fd: number, { dev, ino }: Stats): number | null {
  let own: number;
  try {
    own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return null;
  }
  const opened = fstatSync(own);
  if (opened.dev === dev && opened.ino === ino) return own;
  closeSync(own);
  return null;
}

/**
 * Used without /proc, and for sockets, which cannot be opened again: libuv switches the descriptor itself to
 * non-blocking mode.
 */
function switchToNonBlocking(fd: number, stats: Stats): void {
  if (!stats.isCharacterDevice()) held.push(new Socket({ fd, readable: false, writable: true }));
}
