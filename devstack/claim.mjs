/**
 * Controls which `npm start` may run which parts in a stack folder: either one runs the stores and another the service,
 * or one runs both.
 */

import { readStoresFile, removeStackFile, removeStoresFile } from './stack-file.mjs';
import { print, UserError } from './system/console.mjs';
import { lockWhenFree, tryLock } from './system/lock.mjs';
import { endOrphans } from './system/orphans.mjs';
import { freePort, isFree, LOOPBACK } from './system/ports.mjs';

/** @typedef {import('./system/process.mjs').Part} Part */

/** @type {readonly Part[]} */
const STORES = ['mysql', 'redis'];

/** @param {string} folder */
const serviceOf = (folder) => `${folder}#service`;

/**
 * Claims the parts that this start runs, so that no other start can run them. Also ends processes left behind by a
 * killed start, and checks that the ports are free.
 * @param {string} folder its real path
 * @param {import('./settings.mjs').Settings} settings
 * @param {() => boolean} isGoing whether this start is about to exit; another start in the same folder then waits
 * @param {AbortSignal} signal
 * @returns {Promise<import('./stack-file.mjs').StoresFile | null>} the stores of another start, if this one runs only
 * the service
 * @throws {UserError}
 */
export async function claimFolder(folder, { scope, ports }, isGoing, signal) {
  if (scope !== 'service') await claim(folder, folder, isGoing, signal);
  if (scope !== 'stores') await claim(serviceOf(folder), folder, isGoing, signal);
  const running = scope === 'service' ? await storesIn(folder) : null;
  await endLeftParts(folder, await partsToEnd(folder, scope));
  if (scope !== 'stores') removeStackFile(folder);
  if (scope !== 'service') removeStoresFile(folder);
  for (const port of scope === 'stores' ? [] : ports) {
    if (await isFree(port)) continue;
    throw new UserError(
      `Port ${port} on ${LOOPBACK} cannot be used: another process listens on it, or this user lacks permission. Stop that process, or choose another port, for example: PORT=${await freePort()} npm start`,
    );
  }
  return running;
}

/**
 * @param {string} what
 * @param {string} folder
 * @param {() => boolean} isGoing
 * @param {AbortSignal} signal
 */
async function claim(what, folder, isGoing, signal) {
  const lock = await lockWhenFree(what, { isGoing, signal });
  if (lock.held) return;
  throw new UserError(
    `Holdfast is already running in ${folder} (process ${lock.by}). Stop it first (kill ${lock.by}), or choose another folder with STACK_DIR and another port with PORT.`,
  );
}

/** @param {string} folder */
async function storesIn(folder) {
  const lock = await tryLock(folder);
  if (lock.held) await lock.release();
  const stores = readStoresFile(folder);
  if (!lock.held && stores !== null) return stores;
  throw new UserError(`No stores are running in ${folder}. Start them first: npm start -- --stores-only`);
}

/**
 * @param {string} folder
 * @param {import('./settings.mjs').Scope} scope
 * @returns {Promise<(part: Part) => boolean>}
 */
async function partsToEnd(folder, scope) {
  if (scope === 'all') return () => true;
  if (scope === 'service') return (part) => !STORES.includes(part);
  // If the command that started the service has died, the service is ended, too. Otherwise, the
  // service waits for these stores.
  const service = await tryLock(serviceOf(folder));
  if (service.held) await service.release();
  return (part) => service.held || STORES.includes(part);
}

/**
 * @param {string} folder
 * @param {(part: Part) => boolean} mine
 */
async function endLeftParts(folder, mine) {
  const ended = await endOrphans((stack, part) => stack === folder && mine(part));
  if (ended.length === 0) return;
  const parts = [...new Set(ended.map(({ part }) => part))].join(', ');
  print(`Ended processes left behind by an earlier start that was killed: ${parts}.`);
}
