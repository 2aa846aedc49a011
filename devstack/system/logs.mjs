/** Log files of the child processes: limited in size, with one older generation. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const BYTES_MAX = 32 * 1024 * 1024;
const LOOK_EVERY_MS = 15_000;

/**
 * Starts new log files; those of the last run become `*.log.1`.
 * @param {string} folder
 * @param {(name: string) => boolean} [isOurs] returns false for files that another start writes to
 */
export function rotateLogs(folder, isOurs = () => true) {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.log') && isOurs(name)) renameSync(join(folder, name), join(folder, `${name}.1`));
  }
}

/**
 * Limits the size of every log while children write to it.
 * @param {string} folder
 */
export function boundLogs(folder) {
  setInterval(() => truncateLogs(folder, BYTES_MAX), LOOK_EVERY_MS).unref();
}

/**
 * Truncates logs that are too large. Children append, so they continue at the start of a truncated file.
 * @param {string} folder
 * @param {number} bytesMax
 */
export function truncateLogs(folder, bytesMax) {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    if (!name.endsWith('.log') || statSync(file).size < bytesMax) continue;
    copyFileSync(file, `${file}.1`);
    truncateSync(file);
  }
}

/** @param {string} file */
export function openLog(file) {
  mkdirSync(dirname(file), { recursive: true });
  return openSync(file, 'a', 0o600);
}

/**
 * @param {string} file
 * @param {number} [lines]
 * @returns {string} the last lines that are not empty
 */
export function lastLines(file, lines = 5) {
  if (!existsSync(file)) return '';
  const bytes = Math.min(statSync(file).size, 16_384);
  const buffer = Buffer.alloc(bytes);
  const descriptor = openSync(file, 'r');
  readSync(descriptor, buffer, 0, bytes, statSync(file).size - bytes);
  closeSync(descriptor);
  return buffer
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-lines)
    .join('\n');
}
