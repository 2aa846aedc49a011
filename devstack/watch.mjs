/** Watches the source files for `npm run dev`. */
import { watch } from 'node:fs';
import { join } from 'node:path';
import { messageOf, print } from './system/console.mjs';

/** Delay after the last change: an editor writes a file in several steps, and a checkout writes many files. */
const QUIET_MS = 150;
const SOURCE = /\.(ts|mjs|lua|json)$/;
const TEST = /\.test\.ts$|(^|\/)(testing|tests|integration)\//;

/** @param {string} path relative to app/ */
export function restartsTheService(path) {
  return SOURCE.test(path) && !TEST.test(path);
}

/**
 * Calls `onChange` after changes in app/. Changes made during a call lead to one more call.
 * @param {string} root
 * @param {(paths: readonly string[]) => Promise<void>} onChange gets the changed paths, relative to app/
 * @param {AbortSignal} signal ends the watching
 */
export function watchSources(root, onChange, signal) {
  /** @type {Set<string>} */
  const changed = new Set();
  let busy = false;
  const handle = async () => {
    if (busy) return;
    busy = true;
    while (changed.size > 0 && !signal.aborted) {
      const paths = [...changed];
      changed.clear();
      await onChange(paths).catch((error) => print(messageOf(error)));
    }
    busy = false;
  };
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const watcher = watch(join(root, 'app'), { recursive: true, signal }, (_event, path) => {
    if (path === null || !restartsTheService(path)) return;
    changed.add(path);
    clearTimeout(timer);
    timer = setTimeout(handle, QUIET_MS);
  });
  watcher.on('error', (error) => print(`Changes can no longer be detected: ${messageOf(error)}`));
}
