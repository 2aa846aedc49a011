/**
 * `stack.json`: the addresses of all processes, for programs. Its format is part of the HTTP contract ("Running
 * it"). `stores.json`: the addresses of the stores of a running `npm start -- --stores-only`, for `--service-only`
 * and for backups.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeAtomically } from './system/folder.mjs';

/**
 * @typedef {object} StackFile
 * @property {string[]} api
 * @property {string} apiKey
 * @property {{ host: string, port: number, pid: number | null }} redis pid null: not started by us
 * @property {{ host: string, port: number, user: string, password: string, database: string, pid: number | null }} mysql
 * @property {Pick<StackFile, 'redis' | 'mysql'>[]} [shards] absent if there is only one; otherwise `redis` and `mysql`
 * are those of the first shard
 * @property {{ pid: number | null, role: string, url: string }[]} pods
 */

/**
 * @typedef {Pick<StackFile, 'redis' | 'mysql' | 'shards'>} StoresFile
 *
 * @param {string} folder
 * @param {StackFile} content
 */
export function writeStackFile(folder, content) {
  writeAtomically(join(folder, 'stack.json'), `${JSON.stringify(content, null, 2)}\n`);
}

/**
 * @param {string} folder
 * @param {StoresFile} content
 */
export function writeStoresFile(folder, content) {
  writeAtomically(join(folder, 'stores.json'), `${JSON.stringify(content, null, 2)}\n`);
}

/**
 * @param {string} folder
 * @returns {StoresFile | null}
 */
export function readStoresFile(folder) {
  return /** @type {StoresFile | undefined} */ (readJson(join(folder, 'stores.json'))) ?? null;
}

/** @param {string} folder */
export function removeStoresFile(folder) {
  rmSync(join(folder, 'stores.json'), { force: true });
}

/**
 * Removes the file when nothing is running, because its pids may belong to other processes by now.
 * @param {string} folder
 */
export function removeStackFile(folder) {
  rmSync(join(folder, 'stack.json'), { force: true });
}
