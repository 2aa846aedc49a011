/**
 * Temporary folders of test runs. Their names contain the pid of the run, so that a later run can clean up after one
 * that was killed.
 */
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { codeOf } from '../system/console.mjs';
import { endOrphans } from '../system/orphans.mjs';

const NAME = /^holdfast-test-(\d+)-/;
const STOP_MS_MAX = 2000;

/** @returns {string} the real path of a new folder */
export function temporaryFolder() {
  return mkdtempSync(join(realpathSync(tmpdir()), `holdfast-test-${process.pid}-`));
}

/** Ends the processes that finished test runs left behind, and deletes the folders of those runs. */
export async function endLeftTemporaryFolders() {
  const parent = realpathSync(tmpdir());
  const left = readdirSync(parent)
    .filter((name) => NAME.test(name) && !isRunning(Number(NAME.exec(name)?.[1])))
    .map((name) => join(parent, name));
  if (left.length === 0) return;
  await endOrphans((stack) => left.some((folder) => `${stack}${sep}`.startsWith(`${folder}${sep}`)), {
    stopMsMax: STOP_MS_MAX,
  });
  for (const folder of left) {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      // A killed experiment may have left a mounted disk that this user may not unmount. It does no harm, so it stays.
      if (codeOf(error) !== 'EBUSY') throw error;
    }
  }
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
