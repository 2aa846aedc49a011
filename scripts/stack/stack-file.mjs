/** `stack.json`: where everything is, for programs. Its shape is part of the HTTP contract ("Running it"). */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from './folder.mjs';

/**
 * @typedef {object} StackFile
 * @property {string[]} api
 * @property {string} apiKey
 * @property {{ host: string, port: number, pid: number | null }} redis pid null: not started by us
 * @property {{ host: string, port: number, user: string, password: string, database: string, pid: number | null }} mysql
 * @property {{ pid: number | null, role: string, url: string }[]} pods
 */

/**
 * @param {string} folder
 * @param {StackFile} content
 */
export function writeStackFile(folder, content) {
  writeAtomically(join(folder, 'stack.json'), `${JSON.stringify(content, null, 2)}\n`);
}

/**
 * Nothing runs: the file would name pids that are other processes' by now.
 * @param {string} folder
 */
export function removeStackFile(folder) {
  rmSync(join(folder, 'stack.json'), { force: true });
}
