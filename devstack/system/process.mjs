/**
 * Child processes. Each runs in a separate session, so that Ctrl-C in the terminal reaches only the parent, which then
 * stops the children in the right order. Marks in the environment of a child let a later start recognize it.
 */
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { messageOf, UserError } from './console.mjs';
import { lastLines, openLog } from './logs.mjs';

/** Environment variables of every child: the folder that it belongs to (real path), and its role there. */
export const STACK_MARK = 'HOLDFAST_STACK';
export const PART_MARK = 'HOLDFAST_PART';

const POLL_MS = 25;

/** The roles of processes in the stack, in the order in which they are stopped. */
export const PARTS = /** @type {const} */ (['tool', 'api', 'search', 'keeper', 'mysql', 'redis']);

/** @typedef {(typeof PARTS)[number]} Part */

/**
 * What to run, and how to detect that it responds.
 * @typedef {object} Program
 * @property {string} name for messages
 * @property {Part} part
 * @property {string} command
 * @property {readonly string[]} args
 * @property {string} stack the folder it belongs to
 * @property {string} logFile
 * @property {Readonly<Record<string, string | undefined>>} [env] variables in addition to those of this process;
 * undefined removes a variable
 * @property {() => Promise<boolean>} answers
 * @property {number} readyMsMax
 * @property {number} stopMsMax after SIGTERM; SIGKILL follows
 * @property {(log: string) => string} [advice] what to do if it does not start, based on the last lines of its log
 */

/**
 * @typedef {object} Running
 * @property {Program} program
 * @property {number | null} pid null if it could not be started at all
 * @property {Promise<string>} ended how it ended; never rejects
 * @property {() => boolean} alive
 */

/**
 * @param {Program} program
 * @returns {Running}
 */
export function launch(program) {
  const log = openLog(program.logFile);
  const child = spawn(program.command, program.args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...program.env, [STACK_MARK]: program.stack, [PART_MARK]: program.part },
  });
  closeSync(log);
  let alive = child.pid !== undefined;
  /** @type {Promise<string>} */
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(messageOf(error)));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  ended.then(() => {
    alive = false;
  });
  return { program, pid: child.pid ?? null, ended, alive: () => alive };
}

/** @param {number} ms */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Waits until the program responds.
 * @param {Running} running
 * @param {AbortSignal} [signal] ends the wait without an error: the caller is stopping
 * @throws {UserError} if it ends before it responds, or takes too long
 */
export async function untilAnswers({ program, ended, alive }, signal) {
  const giveUpAt = performance.now() + program.readyMsMax;
  while (alive()) {
    if (await program.answers()) return;
    signal?.throwIfAborted();
    if (performance.now() > giveUpAt) {
      throw new UserError(
        `${program.name} did not become ready in ${program.readyMsMax / 1000} s. ${logHint(program)}`,
      );
    }
    await pause(POLL_MS);
  }
  signal?.throwIfAborted();
  throw new UserError(`${program.name} did not start (${await ended}). ${logHint(program)}`);
}

/**
 * Launches a program and waits until it responds; otherwise ends it.
 * @param {Program} program
 * @param {AbortSignal} [signal]
 * @returns {Promise<Running>}
 * @throws {UserError}
 */
export async function start(program, signal) {
  signal?.throwIfAborted();
  const running = launch(program);
  try {
    await untilAnswers(running, signal);
    return running;
  } catch (error) {
    await end(running);
    throw error;
  }
}

/** @param {Program} program */
function logHint(program) {
  const lines = lastLines(program.logFile);
  const advice = program.advice?.(lastLines(program.logFile, 60));
  const said =
    lines === ''
      ? `Its log is ${program.logFile}.`
      : `The end of its log, ${program.logFile}:\n${lines.replace(/^/gm, '  | ')}`;
  return advice === undefined ? said : `${said}\n${advice}`;
}

/**
 * Ends a child: SIGTERM, then SIGKILL if it takes too long. SIGCONT lets a stopped process react to SIGTERM.
 * @param {Running} running
 * @returns {Promise<boolean>} whether it ended in time
 */
export async function end({ program, pid, ended, alive }) {
  if (pid === null || !alive()) return true;
  sendSignal(pid, 'SIGTERM');
  sendSignal(pid, 'SIGCONT');
  const obeyed = await Promise.race([ended.then(() => true), pauseUnreferenced(program.stopMsMax).then(() => false)]);
  if (!obeyed) sendSignal(pid, 'SIGKILL');
  await ended;
  return obeyed;
}

/** @param {number} ms */
function pauseUnreferenced(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
export function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has already ended, so there is nothing to signal.
  }
}

/**
 * Runs a tool to completion, with its output in a log.
 * @param {{ name: string, command: string, args: readonly string[], logFile: string, stack?: string, cwd?: string,
 *   env?: Readonly<Record<string, string | undefined>>, signal?: AbortSignal }} tool `signal` aborts it
 * @throws {UserError} with the end of its output if it fails
 */
export async function runTool({ name, command, args, logFile, stack = '', cwd, env, signal }) {
  const log = openLog(logFile);
  const marks = stack === '' ? {} : { [STACK_MARK]: stack, [PART_MARK]: 'tool' };
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...env, ...marks },
    ...(cwd === undefined ? {} : { cwd }),
  });
  closeSync(log);
  const stop = () => child.pid !== undefined && sendSignal(child.pid, 'SIGTERM');
  signal?.addEventListener('abort', stop);
  /** @type {string | number | null} */
  const outcome = await new Promise((resolve) => {
    child.once('error', (error) => resolve(messageOf(error)));
    child.once('exit', (code, killedBy) => resolve(code ?? killedBy));
  });
  signal?.removeEventListener('abort', stop);
  signal?.throwIfAborted();
  if (outcome === 0) return;
  const lines = lastLines(logFile, 15).replace(/^/gm, '  | ');
  throw new UserError(
    `${name} failed (${typeof outcome === 'number' ? `exit code ${outcome}` : outcome}). Its log, ${logFile}, ends with:\n${lines}`,
  );
}
