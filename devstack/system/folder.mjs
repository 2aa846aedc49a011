/** The stack folder: made, checked, and the small files that are kept in it. */
import { randomBytes } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, Trouble } from './say.mjs';

const MIB = 1024 * 1024;

/** @type {Readonly<Record<string, string>>} */
const REASONS = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'it is on a read-only file system',
  ENOENT: 'it cannot be made there', // what Node.js says of a recursive mkdir on a read-only file system
  ENOTDIR: 'a file is in its way',
  EEXIST: 'a file is in its way',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
};

/**
 * @param {unknown} error
 * @returns {string | null} why a file could not be written, in words; null when it is about something else
 */
export function reasonOf(error) {
  return REASONS[codeOf(error) ?? ''] ?? null;
}

/**
 * Makes the folder (private to this user) and makes sure that it can be written.
 * @param {string} path
 * @returns {string} its real path: the one name under which its processes and its lock are known
 */
export function openFolder(path) {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const probe = join(path, `.probe-${process.pid}`);
    writeFileSync(probe, 'x'.repeat(4096));
    rmSync(probe);
    return realpathSync(path);
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === null) throw error;
    throw new Trouble(`Cannot use the folder ${path}: ${reason}. Correct that, or name another folder by STACK_DIR.`);
  }
}

/**
 * @param {string} path
 * @param {number} mebibytes
 */
export function requireSpace(path, mebibytes) {
  const { bavail, bsize } = statfsSync(path);
  const free = Math.floor((bavail * bsize) / MIB);
  if (free >= mebibytes) return;
  throw new Trouble(
    `Only ${free} MiB are free where ${path} is, and ${mebibytes} MiB are needed. Make room, or name another folder by STACK_DIR.`,
  );
}

/**
 * Readers see the old content or the new, never a part of it.
 * @param {string} file
 * @param {string} text
 * @param {number} [mode] for this user alone, unless said otherwise
 */
export function writeAtomically(file, text, mode = 0o600) {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, file);
}

/**
 * @param {string} file
 * @returns {unknown} undefined when the file is missing or is no JSON
 */
export function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * A random value made once per folder and kept there, readable by this user alone.
 * @param {string} file
 * @param {() => string} [make]
 * @returns {string}
 */
export function kept(file, make = () => randomBytes(24).toString('hex')) {
  mkdirSync(dirname(file), { recursive: true });
  const read = () => {
    try {
      return readFileSync(file, 'utf8').trim();
    } catch {
      return '';
    }
  };
  const there = read();
  if (there !== '') return there;
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, `${make()}\n`, { mode: 0o600 });
  try {
    rmSync(file, { force: true }); // it is missing or empty: an empty one was cut off while it was written
    linkSync(temporary, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary);
  }
  return read();
}
