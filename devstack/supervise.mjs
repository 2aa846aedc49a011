/**
 * Keeps a program running: restarts it when it dies, at first immediately, and after increasing delays if it keeps
 * dying.
 */

import { elapsed, messageOf, print } from './system/console.mjs';
import { end, launch, pause, start, untilAnswers } from './system/process.mjs';

/** A program that ran longer than this did not die of a startup problem. */
const SETTLED_MS = 3000;
const FIRST_DELAY_MS = 100;
const DELAY_STEP_MS = 1000;
const DELAY_MS_MAX = 10_000;

/**
 * @typedef {object} Supervised
 * @property {import('./system/process.mjs').Program} program
 * @property {() => number | null} pid
 * @property {() => Promise<void>} restart shuts the program down and starts it again immediately; resolves when the old
 * process has ended
 * @property {() => Promise<boolean>} stop stops the program permanently; returns whether it ended in time
 */

/**
 * How long to wait before the next start.
 * @param {number} quickDeaths number of consecutive early deaths
 */
export function restartDelayMs(quickDeaths) {
  return quickDeaths <= 1 ? FIRST_DELAY_MS : Math.min(DELAY_MS_MAX, (quickDeaths - 1) * DELAY_STEP_MS);
}

/**
 * @param {import('./system/process.mjs').Program} program
 * @param {{ onNewPid: () => void, signal: AbortSignal, delayMs?: (quickDeaths: number) => number }} options
 * @returns {Promise<Supervised>} once it responds
 * @throws {import('./system/console.mjs').UserError} if the first start fails
 */
export async function keepRunning(program, { onNewPid, signal, delayMs = restartDelayMs }) {
  let running = await start(program, signal);
  let startedAt = performance.now();
  let quickDeaths = 0;
  const stopping = new AbortController();
  const stopAsked = new Promise((resolve) => stopping.signal.addEventListener('abort', resolve));
  let restartAsked = false;
  let endDelay = () => {};

  const loop = async () => {
    for (;;) {
      const how = await running.ended;
      if (stopping.signal.aborted) return;
      if (restartAsked) {
        quickDeaths = 0;
      } else {
        quickDeaths = performance.now() - startedAt < SETTLED_MS ? quickDeaths + 1 : 1;
        const delay = delayMs(quickDeaths);
        const again =
          quickDeaths > 1 ? `, for the ${ordinal(quickDeaths)} time in a row; its log is ${program.logFile}` : '';
        print(
          `${program.name} (pid ${running.pid}) has ended (${how})${again}; starting it again in ${delay / 1000} s.`,
        );
        const cutShort = new Promise((resolve) => {
          endDelay = () => resolve(undefined);
        });
        await Promise.race([pause(delay), stopAsked, cutShort]);
        if (stopping.signal.aborted) return;
      }
      restartAsked = false;
      startedAt = performance.now();
      running = launch(program);
      onNewPid();
      void tellWhenBack(running, startedAt, stopping.signal);
    }
  };
  const done = loop();

  return {
    program,
    pid: () => running.pid,
    restart: async () => {
      restartAsked = true;
      endDelay();
      await end(running);
    },
    stop: async () => {
      stopping.abort();
      const obeyed = await end(running);
      await done;
      return obeyed;
    },
  };
}

/** @param {number} count */
function ordinal(count) {
  return { 2: '2nd', 3: '3rd' }[count] ?? `${count}th`;
}

/**
 * @param {import('./system/process.mjs').Running} running
 * @param {number} since
 * @param {AbortSignal} signal
 */
async function tellWhenBack(running, since, signal) {
  try {
    await untilAnswers(running, signal);
    print(`${running.program.name} is back (pid ${running.pid}, ${elapsed(since)}).`);
  } catch (error) {
    // If the program has ended, the loop reports that. Otherwise it is running but does not respond.
    if (running.alive() && !signal.aborted) print(messageOf(error));
  }
}
