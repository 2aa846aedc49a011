/** Runs the checks of `npm test` as processes, several at a time, and counts their results. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { elapsed, messageOf } from '../../devstack/system/console.mjs';
import { SKIPPED } from './checks.mjs';

/** @typedef {{ name: string, command: string, args: readonly string[] }} Check */

export class CheckRunner {
  passed = 0;
  failed = 0;
  /** @type {string[]} */
  faults = [];
  interrupted = false;
  /** @type {Set<import('node:child_process').ChildProcess>} */
  #running = new Set();
  #files = 0;
  /** @type {{ root: string, folder: string, msMax: number, write?: (text: string) => void }} */
  #options;

  /**
   * @param {{ root: string, folder: string, msMax: number, write?: (text: string) => void }} options `folder`: a
   * temporary folder for the output of checks; `msMax`: the time limit of each process
   */
  constructor(options) {
    this.#options = options;
  }

  /** Ends all running checks, and starts no more. */
  interrupt() {
    this.interrupted = true;
    for (const child of this.#running) child.kill('SIGTERM');
  }

  /** @param {string} text */
  write(text) {
    (this.#options.write ?? ((line) => void process.stdout.write(line)))(text);
  }

  /**
   * @param {string} command
   * @param {readonly string[]} args
   * @param {{ env?: Record<string, string>, output?: 'inherit' | number }} [options] `output`: a file descriptor
   * @returns {Promise<number | null>} its exit code; null if it was killed or could not be started
   */
  run(command, args, { env = {}, output = 'inherit' } = {}) {
    return new Promise((resolve) => {
      const child = spawn(command, args, {
        cwd: this.#options.root,
        stdio: ['ignore', output, output],
        env: { ...process.env, CI: 'true', ...env },
        timeout: this.#options.msMax,
      });
      this.#running.add(child);
      /** @param {number | null} code */
      const end = (code) => {
        this.#running.delete(child);
        resolve(code);
      };
      child.once('error', (error) => {
        console.error(messageOf(error));
        end(null);
      });
      child.once('exit', end);
    });
  }

  /**
   * Runs these checks, one per core and at least two at a time, in this order. The output of each check is printed as a
   * whole when the check has ended.
   * @param {readonly Check[]} checks
   */
  async all(checks) {
    if (this.interrupted) return;
    this.write(`\nRunning ${checks.map(({ name }) => name).join(', ')} …\n`);
    const waiting = [...checks];
    const one = async () => {
      for (let next = waiting.shift(); next && !this.interrupted; next = waiting.shift()) await this.#check(next);
    };
    await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, one));
  }

  /** @param {Check} check */
  async #check({ name, command, args }) {
    // A file instead of a pipe: it preserves the order of both streams, and nothing waits for processes that the check
    // left running.
    const file = join(this.#options.folder, `check-${this.#files++}.txt`);
    const output = openSync(file, 'w');
    const since = performance.now();
    const code = await this.run(command, args, { output }).finally(() => closeSync(output));
    this.write(`\n== ${name}\n\n${readFileSync(file, 'utf8')}${this.#verdict(name, code, since)}\n`);
  }

  /**
   * @param {string} name
   * @param {number | null} code
   * @param {number} since
   */
  #verdict(name, code, since) {
    if (code === 0) {
      this.passed += 1;
      return `${name}: passed (${elapsed(since)})`;
    }
    if (code === SKIPPED) return `${name}: skipped`;
    this.failed += 1;
    const fault = code === null ? `${name} (killed, or could not be started)` : `${name} (exit code ${code})`;
    this.faults.push(fault);
    return `${name}: FAILED`;
  }
}
