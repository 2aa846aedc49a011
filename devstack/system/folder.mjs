/** The stack folder: creation, checks, and the small files in it. */
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
import { codeOf, UserError } from './console.mjs';

const MIB = 1024 * 1024;

/** @type {Readonly<Record<string, string>>} */
const REASONS = {
  EACCES: 'this user has no write permission there',
  EPERM: 'this user has no write permission there',
  EROFS: 'it is on a read-only file system',
  ENOENT: 'it cannot be created there', // reported by Node.js for a recursive mkdir on a read-only file system
  ENOTDIR: 'a file exists where a folder is needed',
  EEXIST: 'a file exists where a folder is needed',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
};

/**
 * @param {unknown} error
 * @returns {string | null} in words, why a file could not be written; null for other errors
 */
export function reasonOf(error) {
  return REASONS[codeOf(error) ?? ''] ?? null;
}

/**
 * Creates the folder (private to this user) and checks that it is writable.
 * @param {string} path
 * @returns {string} its real path, which identifies its processes and its lock
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
    throw new UserError(`Cannot use the folder ${path}: ${reason}. Fix that, or set STACK_DIR to another folder.`);
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
  throw new UserError(
    `${path} has only ${free} MiB of free space, but ${mebibytes} MiB are needed. Free some space, or set STACK_DIR to another folder.`,
  );
}

/**
 * Replaces a file atomically: readers see either the complete old or the complete new content.
 * @param {string} file
 * @param {string} text
 * @param {number} [mode] private to this user by default
 */
export function writeAtomically(file, text, mode = 0o600) {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, file);
}

/**
 * @param {string} file
 * @returns {unknown} undefined if the file is missing or not JSON
 */
export function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * A random value generated once per folder and stored there, readable only by this user.
 * @param {string} file
 * @param {() => string} [make]
 * @returns {string}
 */
export function storedValue(file, make = () => randomBytes(24).toString('hex')) {
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
    rmSync(file, { force: true }); // missing or empty; an empty file results from an interrupted write
    linkSync(temporary, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary);
  }
  return read();
}
