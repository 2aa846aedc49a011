/**
 * Finds and ends processes that were left behind when the start that created them was killed. They are found by the
 * marks in their environment, not by a pid in a file: a pid may belong to another process by now, and a process may
 * have been started after the file was written.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { PART_MARK, PARTS, pause, STACK_MARK, sendSignal } from './process.mjs';

const POLL_MS = 50;
const STOP_MS_MAX = 60_000;

/** @typedef {{ pid: number, part: import('./process.mjs').Part }} Orphan */

/** @typedef {(stack: string, part: import('./process.mjs').Part) => boolean} Belongs `stack` is the real path of a stack folder */

/**
 * @param {string} environ /proc/<pid>/environ, empty for a process that has ended
 * @param {Belongs} belongs
 * @returns {import('./process.mjs').Part | null} the role of the process; null if it does not belong
 */
export function partOf(environ, belongs) {
  const entries = environ.split('\0');
  const stack = entries.find((entry) => entry.startsWith(`${STACK_MARK}=`))?.slice(STACK_MARK.length + 1);
  const part = PARTS.find((one) => entries.includes(`${PART_MARK}=${one}`));
  return stack !== undefined && part !== undefined && belongs(stack, part) ? part : null;
}

/**
 * @param {Belongs} belongs
 * @param {string} [proc]
 * @returns {Orphan[]}
 */
export function findOrphans(belongs, proc = '/proc') {
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const part = partOf(environOf(Number(name), proc), belongs);
      return part === null ? [] : [{ pid: Number(name), part }];
    });
}

/**
 * @param {number} pid
 * @param {string} proc
 */
function environOf(pid, proc) {
  try {
    return readFileSync(`${proc}/${pid}/environ`, 'latin1');
  } catch {
    return ''; // it has ended, or belongs to another user
  }
}

/**
 * Ends the orphans, in the order of a normal stop.
 * @param {Belongs} belongs
 * @param {{ stopMsMax?: number }} [options]
 * @returns {Promise<Orphan[]>} the processes that were ended
 */
export async function endOrphans(belongs, { stopMsMax = STOP_MS_MAX } = {}) {
  const orphans = findOrphans(belongs);
  for (const part of PARTS) {
    const pids = orphans.filter((orphan) => orphan.part === part).map(({ pid }) => pid);
    for (const pid of pids) {
      sendSignal(pid, 'SIGTERM');
      sendSignal(pid, 'SIGCONT');
    }
    await Promise.all(pids.map((pid) => untilGone(pid, belongs, stopMsMax)));
  }
  return orphans;
}

/**
 * @param {number} pid
 * @param {Belongs} belongs
 * @param {number} stopMsMax
 */
async function untilGone(pid, belongs, stopMsMax) {
  const killAt = performance.now() + stopMsMax;
  // A zombie (a process that has ended, but whose parent has not waited for it) has no environment and counts as gone.
  while (partOf(environOf(pid, '/proc'), belongs) !== null) {
    if (performance.now() > killAt) sendSignal(pid, 'SIGKILL');
    await pause(POLL_MS);
  }
}
