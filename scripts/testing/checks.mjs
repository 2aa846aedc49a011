import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Exit code of a check that could not run because an optional program is missing: neither passed nor failed. */
export const SKIPPED = 77;

/**
 * @param {string} folder
 * @returns {string[]} the paths of all files in it, relative to it
 */
export function filesUnder(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesUnder(join(folder, entry.name)).map((path) => join(entry.name, path)) : [entry.name],
  );
}
